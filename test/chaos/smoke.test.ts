import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Round } from '../../chaos/verdict.ts';

const main = fileURLToPath(new URL('../../chaos/main.js', import.meta.url));

/** `npm run chaos -- ...args --json`; what it said of each round. */
function chaos(
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly rounds: Round[]; readonly words: string }> {
  const child = spawn(process.execPath, ['--enable-source-maps', main, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let words = '';
  child.stdout.on('data', (bytes) => {
    said += bytes;
  });
  child.stderr.on('data', (bytes) => {
    words += bytes;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const lines = said.split('\n').filter((line) => line !== '');
      const all = lines.map((line) => JSON.parse(line) as Round | { readonly kind: 'summary' });
      resolve({ code, words, rounds: all.filter((one): one is Round => one.kind === 'round') });
    });
  });
}

t.setTimeout(170_000);

for (const { scenario, seed, rounds } of [
  { scenario: 'kill-node', seed: 1, rounds: 2 },
  { scenario: 'kill-nats', seed: 3, rounds: 1 },
  // A pause of 2 s: long enough for the others to take over, so that the node comes back as a zombie.
  { scenario: 'pause-node', seed: 4, rounds: 1 },
]) {
  t.test(`${scenario}: nothing accepted is lost, doubled, out of order or taken back`, async (t) => {
    const {
      code,
      rounds: played,
      words,
    } = await chaos('--scenario', scenario, '--seed', `${seed}`, '--rounds', `${rounds}`);
    t.equal(played.length, rounds, words);
    for (const {
      lost_acked,
      duplicates,
      order_violations,
      receipt_regressions,
      vacuous,
      acked,
      group_sent,
      group_delivered,
      unavailable_ms,
    } of played) {
      t.same(
        { lost_acked, duplicates, order_violations, receipt_regressions, vacuous },
        {
          lost_acked: 0,
          duplicates: 0,
          order_violations: 0,
          receipt_regressions: 0,
          vacuous: '',
        },
      );
      t.ok(acked > 100, `${acked} accepted`);
      t.ok(group_delivered > 20, `${group_delivered} of ${group_sent} came to all members of their groups`);
      t.ok(unavailable_ms !== null && unavailable_ms.count > 0, 'somebody was hit');
    }
    t.equal(code, 0, words);
  });
}
