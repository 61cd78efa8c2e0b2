// `npm run sim`, as typed.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const main = fileURLToPath(new URL('../../sim/main.js', import.meta.url));

function sim(...args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env: {} }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ code, said: stdout + stderr });
    });
  });
}

t.test('one seed: what may go wrong first, what did at the end, and the same again', async (t) => {
  const { code, said } = await sim('--seed', '3', '--steps', '4000');
  t.equal(code, 0, said);
  t.match(said.split('\n')[0], /^\d nodes, \d+ partitions, \d users/);
  t.match(said, /mishaps .*mean ms/);
  t.match(said, /messages accepted, .* steps, .* trace [0-9a-f]{16}\n$/s);
  t.equal((await sim('--seed', '3', '--steps', '4000')).said, said);
});

t.test('a failure: the trace, the words, the command', async (t) => {
  const { code, said } = await sim('--seed', '2', '--break', 'gate');
  t.equal(code, 1);
  t.match(said, /what happened to it last:\n +\d+\.\d+ /);
  t.match(
    said,
    /seed 2 FAILS at step \d+, .*\n {2}A1: .* not durable\n {2}again: npm run sim -- --seed 2 --break gate\n/,
  );
});

t.test('many seeds', async (t) => {
  const { code, said } = await sim('--seeds', '1..3', '--steps', '8000');
  t.equal(code, 0, said);
  t.match(said, /3 seeds, 0 failed: \d+ steps/);
});

t.test('everything that happens, as it happens', async (t) => {
  const { said } = await sim('--seed', '4', '--steps', '3000', '--trace');
  t.match(said, /n1 boots as .*journal p\d+ #1 is record 1 of epoch 1 by n\d: bump.*all is made good/s);
});

t.test('what it does not understand', async (t) => {
  for (const args of [
    ['--seed', 'x'],
    ['--seeds', '9'],
    ['--seeds', '9..3'],
    ['--break', 'glass'],
    ['--loud'],
    ['--help'],
  ]) {
    t.equal((await sim(...args)).code, 2, args.join(' '));
  }
});
