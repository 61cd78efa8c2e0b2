import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { RingpostClient, RingpostError } from '../../client/index.ts';
import { freePort } from '../../scripts/free-ports.ts';
import { pause, ServerProcess, signIn, until } from './cluster.ts';
import { type FloodAccount, type Flooded, Floods } from './flood.ts';
import { talk } from './pairs.ts';

const floods_count = 12;
const flood_ms = 8_000;
/** Whatever clients want. A node of this test takes 60 to 120 MB before, and what is bounded in it by bytes sums up to less. */
const growth_mb_max = 500;
/** Of those who ask for little, on a machine that is busy with other things, too. */
const modest_ms_max = 10_000;

/** Memory of a process that is its own, MB: pages of files that it has mapped do not count, where that can be told. */
function memoryMb(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1_024;
  } catch {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) / 1_024;
  }
}

t.setTimeout(180_000);
t.test(
  'A9 clients that want far more than a node can do: it reads them slowly, stays small, and serves all others',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringpost-overload-'));
    // No bound on what a single client may say: the node alone is to hold them back.
    const pace = ['words_per_s_max', 'words_burst_max'].flatMap((bound) => ['--set', `messenger.${bound}=1000000`]);
    const server = new ServerProcess('solo', await freePort(), ['start', '--data', folder, ...pace]);
    t.teardown(async () => {
      await server.signal('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    });
    await server.start();
    const { url } = server;
    const sinks: RingpostClient[] = [];
    const accounts: FloodAccount[] = [];
    for (let i = 0; i < floods_count; i++) {
      const sink = await signIn(`sink-${i}`, 'phone', { url });
      const flood = await signIn(`flood-${i}`, 'phone', { url });
      sinks.push(sink);
      accounts.push({ accessToken: flood.saved().tokens.accessToken, to: sink.user });
    }
    const floods = await Floods.open({ url, accounts });
    await (await signIn('newcomer', 'phone', { url })).close();
    const talking = await talk((user) => signIn(user, 'phone', { url }), 'modest', 4, 100);
    t.teardown(() =>
      Promise.all(talking.pairs.flatMap(({ sender, recipient }) => [sender.close(), recipient.close()])),
    );
    await pause(1_000);
    const beforeMb = memoryMb(server.pid);
    talking.gaps();

    let mostMb = 0;
    const outcomes = new Map<string, number>();
    floods.begin();
    for (const endMs = performance.now() + flood_ms; performance.now() < endMs; await pause(200)) {
      mostMb = Math.max(mostMb, memoryMb(server.pid));
      const outcome = await comeAnew(url);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    const slowest = talking.gaps().at(-1) ?? 0;
    const flooded = await floods.end();

    const accepted = flooded.reduce((sum, flood) => sum + flood.accepted.length, 0);
    t.comment(`${accepted} accepted of the floods; longest time between answers of the modest ${slowest} ms`);
    t.comment(`memory from ${beforeMb.toFixed()} to ${mostMb.toFixed()} MB; logins: ${JSON.stringify([...outcomes])}`);
    t.ok(
      flooded.every(({ heldBack, closed }) => heldBack > 10 || closed === 'overloaded'),
      'every one of them was held back, or closed with a word',
    );
    t.ok(mostMb - beforeMb < growth_mb_max, 'what they want takes no memory');
    t.ok(slowest < modest_ms_max, 'who asks for little is served meanwhile');
    t.same(
      [...outcomes.keys()].filter((outcome) => outcome !== 'done' && outcome !== 'refused with a time to come again'),
      [],
      'who comes anew gets in, or is told when to come again',
    );
    await talking.end(t);
    t.same(
      talking.pairs.flatMap(({ troubles }) => troubles),
      [],
    );
    for (const [i, sink] of sinks.entries()) await holdsAll(t, sink, flooded[i]!);
  },
);

async function comeAnew(url: string): Promise<string> {
  try {
    const client = await RingpostClient.login({
      url,
      user: 'sink-0',
      password: 'password of sink-0',
      device: 'tablet',
    });
    await client.close();
    return 'done';
  } catch (error) {
    if (!(error instanceof RingpostError)) throw error;
    const isTold = error.code === 'overloaded' && error.retry && (error.afterMs ?? 0) > 0;
    return isTold ? 'refused with a time to come again' : String(error);
  }
}

/** All that was accepted is there, in the order of the answers, once. Beyond it there may be what was accepted without an answer. */
async function holdsAll(t: Test, sink: RingpostClient, { accepted, refusals }: Flooded): Promise<void> {
  const heard: number[] = [];
  sink.on('message', ({ body }) => void heard.push(Number.parseInt(body, 10)));
  await sink.connect();
  await until(`${sink.user} has all`, () => sink.cursor >= sink.head && heard.length >= accepted.length, 60_000);
  await sink.close();
  t.same(refusals, []);
  const inOrder = heard.every((number, i) => number === i);
  t.ok(inOrder, `${sink.user}: ${heard.length} messages, in order, and none is missing between them`);
  t.ok(
    accepted.every((number, i) => number === i),
    `as the ${accepted.length} were accepted that were answered`,
  );
}
