import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { RingpostClient } from '../../client/index.ts';
import { AdminClient } from '../../console/client.ts';
import { run } from '../../main.ts';
import { freePort } from '../../scripts/free-ports.ts';
import { type NatsCluster, startNats } from '../../scripts/nats-cluster.ts';
import { pause, ServerProcess, signIn, until } from './cluster.ts';

t.setTimeout(170_000);

/** Snapshots, merges and cuts of the journal all the time. */
const restless = ['snapshot_records=40', 'snapshot_first_ms=300', 'snapshot_look_ms=100'];
const settings = restless.flatMap((setting) => ['--set', `runtime.${setting}`]);

/** `ofFirst`: options of the first node besides. */
async function startNodes(
  folder: string,
  nats: NatsCluster,
  data: readonly string[],
  ofFirst: readonly string[] = [],
): Promise<ServerProcess[]> {
  const nodes: ServerProcess[] = [];
  for (const [i, name] of data.entries()) {
    const where = ['--nats', nats.urls.join(','), '--data', join(folder, name), '--secret', join(folder, 'secret')];
    nodes.push(
      new ServerProcess(`n${i + 1}`, await freePort(), [
        'node',
        `n${i + 1}`,
        ...where,
        ...settings,
        ...(i === 0 ? ofFirst : []),
      ]),
    );
  }
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

/** A command as it is typed: its exit code and its words. */
async function ringpost(...args: readonly string[]): Promise<{ readonly code: number; readonly words: string }> {
  let words = '';
  const say = (text: string): void => {
    words += `${text}\n`;
  };
  const code = await run(args, { say, tell: say });
  return { code, words };
}

/** Whoever leaves ends it, and the node makes the next one for somebody else. */
async function leavesEarly(t: Test, port: number, token: string): Promise<void> {
  const client = new AdminClient({ nodes: [`127.0.0.1:${port}`], token });
  const leaving = client.stream('Backup', { reason: 'to leave early' });
  t.match((await leaving.next()).value, { file: 'SNAPSHOTS' });
  await leaving.return(undefined);
  const outcomes = async (): Promise<string[]> => {
    const { entries } = await client.call('ListAudit', { after: 0, limit: 100 });
    return entries.filter(({ reason }) => reason === 'to leave early').map(({ outcome }) => outcome);
  };
  for (let tries = 0; (await outcomes()).length < 2 && tries < 100; tries++) await pause(50);
  t.match(await outcomes(), ['begun', /^CANCELLED/]);
  const next = client.stream('Backup', { reason: 'once more' });
  t.match((await next.next()).value, { file: 'SNAPSHOTS' }, 'there is room for the next');
  await next.return(undefined);
  client.close();
}

async function allFrom(client: RingpostClient, other: string): Promise<string[]> {
  const bodies: string[] = [];
  for (let before = 0; ; ) {
    const page = await client.history(other, { before, limit: 100 });
    bodies.unshift(...page.messages.map(({ body }) => body).reverse());
    if (page.next === 0) return bodies;
    before = page.next;
  }
}

t.test('a backup of a running cluster, and the cluster that is made of it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-backup-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const saved = join(folder, 'saved');
  const first = await startNats({ servers: 3, folder: join(folder, 'nats-1') });
  let nodes: ServerProcess[] = [];
  let nats = first;
  t.teardown(async () => {
    await Promise.all(nodes.map((node) => node.signal('SIGTERM')));
    await nats.stop();
  });
  const tokens = join(folder, 'tokens');
  const token = 'token-of-this-very-test-of-carol';
  writeFileSync(tokens, `carol admin ${token}\nvic viewer ${token}-of-vic\n`);
  const console = await freePort();
  nodes = await startNodes(
    folder,
    first,
    ['n1', 'n2', 'n3'],
    [...['--admin-port', String(console), '--admin-tokens', tokens]],
  );
  const urls = nodes.map(({ url }) => url);
  const pairs = await Promise.all(
    Array.from({ length: 6 }, async (_, i) => {
      const from = await signIn(`from${i}`, 'phone', { urls });
      const to = await signIn(`to${i}`, 'phone', { urls });
      await from.connect();
      await to.connect();
      return { from, to, accepted: [] as string[] };
    }),
  );
  let going = true;
  const sending = pairs.map(async ({ from, to, accepted }, i) => {
    for (let n = 0; going; n++) {
      const id = `m${i}.${n}`;
      const sent = await from.send(to.user, id, { id }).accepted.catch(() => undefined);
      if (sent !== undefined) accepted.push(id);
      await pause(3);
    }
  });
  await until('enough was sent to mean something', () => pairs.every(({ accepted }) => accepted.length > 60), 60_000);
  const before = pairs.map(({ accepted }) => accepted.length);
  // By way of a node, by two at a time, of which one is refused; what they make is the same as what the other command makes.
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, token);
  const at = ['--node', `127.0.0.1:${console}`, '--token-file', tokenFile, '--reason', 'a test'];
  const besides = join(folder, 'besides');
  const both = await Promise.all([saved, besides].map((to) => ringpost('admin', 'backup', to, ...at)));
  const [made, refused] = both[0]?.code === 0 ? both : [...both].reverse();
  t.match(made, { code: 0, words: /holds the cluster "ringpost"/ });
  t.match(refused, { code: 1, words: /makes a backup for carol already/ });
  if (both[0]?.code !== 0) renameSync(besides, saved);
  t.notOk(existsSync(besides), 'what was refused leaves nothing');
  const byNats = join(folder, 'by-nats');
  const { code, words } = await ringpost('backup', byNats, '--nats', first.urls.join(','));
  t.equal(code, 0, words);
  t.strictSame(readdirSync(saved).sort(), readdirSync(byNats).sort());
  await leavesEarly(t, console, token);
  writeFileSync(tokenFile, `${token}-of-vic`);
  t.match(await ringpost('admin', 'backup', besides, ...at), { code: 4, words: /Not allowed/ });
  t.notOk(existsSync(besides));
  await pause(500);
  going = false;
  await Promise.all(sending);
  t.match(await ringpost('admin', 'backup', saved, ...at), { code: 2, words: /is there already/ });
  t.match(await ringpost('backup', saved, '--nats', first.urls.join(',')), { code: 2, words: /is there already/ });
  t.match(await ringpost('restore', saved, '--nats', first.urls.join(',')), {
    code: 1,
    words: /hold a cluster "ringpost" already/,
  });
  t.match(await ringpost('restore', folder, '--nats', first.urls.join(',')), { code: 2, words: /not a whole backup/ });

  // Everything is lost but the backup, the secret and, where it was forgotten, an old data folder.
  await Promise.all(pairs.flatMap(({ from, to }) => [from.close(), to.close()]));
  await Promise.all(nodes.map((node) => node.signal('SIGKILL')));
  await first.stop();
  nats = await startNats({ servers: 3, folder: join(folder, 'nats-2') });
  const journal = join(byNats, 'JOURNAL');
  const whole = readFileSync(journal);
  writeFileSync(journal, whole.subarray(0, whole.length - 1));
  const damaged = await ringpost('restore', byNats, '--nats', nats.urls.join(','));
  t.match(damaged, { code: 1, words: /not as it was saved/ });
  writeFileSync(journal, whole);
  const restored = await ringpost('restore', saved, '--nats', nats.urls.join(','));
  t.equal(restored.code, 0, restored.words);
  t.ok(existsSync(join(folder, 'n2')));
  nodes = await startNodes(folder, nats, ['n1.new', 'n2', 'n3.new']);
  const again = nodes.map(({ url }) => url);
  for (const [i, { from, to, accepted }] of pairs.entries()) {
    const reader = await signIn(to.user, 'tablet', { urls: again });
    const writer = await signIn(from.user, 'tablet', { urls: again });
    await reader.connect();
    await writer.connect();
    const bodies = await allFrom(reader, from.user);
    t.same(bodies.slice(0, before[i]), accepted.slice(0, before[i]), 'what was accepted before, in order');
    t.same(bodies, accepted.slice(0, bodies.length), 'and some of what came after, as it came');
    const last = bodies.length;
    const { seq } = await writer.send(to.user, 'again', { id: `m${i}.0` }).accepted;
    t.equal(seq, 1, 'A8: what was sent before is known');
    const next = await writer.send(to.user, 'after').accepted;
    t.equal(next.seq, last + 1);
    await Promise.all([reader.close(), writer.close()]);
  }
});
