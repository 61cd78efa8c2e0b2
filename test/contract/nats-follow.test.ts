// Every way in which a follower could hang or miss something, on real servers: each ends within a bound, and following anew yields all of it once.
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { NatsLink } from '../../runtime/io/nats.ts';
import { openNatsJournal } from '../../runtime/io/nats-journal.ts';
import { askJetStream } from '../../runtime/io/nats-stream.ts';
import type { FollowedEntry, Following, Journal } from '../../runtime/ports.ts';
import { type NatsCluster, type NatsNode, startNats } from '../../scripts/nats-cluster.ts';
import { NatsProxy } from './nats-proxy.ts';
import { Tail } from './nats-tail.ts';
import { append, batch, leaderOf, link, makeLeader, persist } from './nats-world.ts';

t.setTimeout(240_000);

/** From the cause to the rejection of `next`, whatever the cause, on servers that are well otherwise. */
const told_ms_max = 5_000;

interface Stage {
  readonly journal: Journal;
  readonly one: NatsLink;
  readonly stream: string;
}

async function open(t: Test, urls: readonly string[], cluster: string, replicas = 1): Promise<Stage> {
  const one = await link(t, urls);
  const journal = await openNatsJournal({ link: one, cluster, replicas, writer: cluster });
  return { journal, one, stream: `RP_${cluster}_JOURNAL` };
}

interface ConsumerInfo {
  readonly name: string;
  readonly cluster?: { readonly leader?: string };
}

async function consumersOf({ one, stream }: Stage): Promise<readonly ConsumerInfo[]> {
  const { consumers } = await askJetStream<{ consumers: ConsumerInfo[] | null }>(one, `CONSUMER.LIST.${stream}`);
  return consumers ?? [];
}

async function theConsumer(stage: Stage): Promise<ConsumerInfo> {
  for (;;) {
    const [consumer] = await consumersOf(stage);
    if (consumer !== undefined) return consumer;
    await sleep(20);
  }
}

/** How long it took, ms. */
async function rejection(t: Test, following: Following, words: RegExp): Promise<number> {
  const startMs = performance.now();
  await t.rejects(following.next(), { message: words });
  return performance.now() - startMs;
}

async function take(following: Following, count: number): Promise<string[]> {
  const taken: FollowedEntry[] = [];
  while (taken.length < count) taken.push(...(await following.next()));
  return taken.map(({ bytes }) => Buffer.from(bytes).toString());
}

t.test('one server', { timeout: 120_000 }, async (t) => {
  const nats = await startNats({ servers: 1, folder: t.testdir() });
  t.teardown(() => nats.stop());
  leavingTests(t, nats);
  consumerTests(t, nats);
  wireTests(t, nats);
  processTests(t, nats);
});

function leavingTests(t: Test, nats: NatsCluster): void {
  t.test('a follower that is stopped leaves nothing behind, here or at the server', async (t) => {
    const stage = await open(t, nats.urls, 'leaving');
    await persist(stage.journal, batch(1, [0, 0]));
    const { protocol } = stage.one.connection as unknown as { protocol: { subscriptions: { size(): number } } };
    const held = () => ({
      subscriptions: protocol.subscriptions.size(),
      timers: process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length,
    });
    const before = held();
    const seen = new Map([
      [0, 0],
      [1, 0],
    ]);
    const followings = Array.from({ length: 5 }, () => stage.journal.follow(seen));
    for (const following of followings.slice(2)) await take(following, 2);
    t.equal((await consumersOf(stage)).length, 5);
    followings.push(stage.journal.follow(seen));
    const waiting = followings.slice(3, 5).map((following) => t.rejects(following.next(), /stopped/));
    // Not begun, not asked, not waiting, waiting, and being made.
    for (const following of followings) following.stop();
    await Promise.all(waiting);
    for (let i = 0; (await consumersOf(stage)).length > 0; i++) {
      if (i === 50) throw new Error('consumers are left behind');
      await sleep(20);
    }
    await sleep(50);
    t.same(held(), before);
  });
}

function consumerTests(t: Test, nats: NatsCluster): void {
  t.test('its consumer is deleted: the follower is told at once', async (t) => {
    const stage = await open(t, nats.urls, 'deleted');
    const following = stage.journal.follow(new Map([[0, 0]]));
    const { name } = await theConsumer(stage);
    // A pull that the server has not looked at yet when the consumer goes is never answered.
    await sleep(200);
    const told = rejection(t, following, /interrupted: 409 Consumer Deleted/);
    await askJetStream(stage.one, `CONSUMER.DELETE.${stage.stream}.${name}`);
    t.ok((await told) < 1_000);
  });

  t.test('its consumer is gone while nobody waits: the next pull tells', async (t) => {
    const stage = await open(t, nats.urls, 'gone');
    const following = stage.journal.follow(new Map([[0, 0]]));
    const { name } = await theConsumer(stage);
    // The pull under way ends, and nobody asks for another.
    await sleep(3_000);
    await askJetStream(stage.one, `CONSUMER.DELETE.${stage.stream}.${name}`);
    t.ok((await rejection(t, following, /interrupted: it is gone/)) < 1_000);
  });

  t.test('its stream is deleted: the follower is told, and so is one that begins', async (t) => {
    const stage = await open(t, nats.urls, 'streamless');
    const following = stage.journal.follow(new Map([[0, 0]]));
    await theConsumer(stage);
    const told = rejection(t, following, /interrupted: /);
    await askJetStream(stage.one, `STREAM.DELETE.${stage.stream}`);
    t.ok((await told) < told_ms_max);
    t.ok((await rejection(t, stage.journal.follow(new Map([[0, 0]])), /stream not found/)) < 1_000);
  });

  t.test('its consumer lives, beats, and hands nothing out: the leader tells', async (t) => {
    const stage = await open(t, nats.urls, 'stuck');
    const { journal, one, stream } = stage;
    let [mine = 0, others = 0] = await persist(journal, batch(1, [0, 0]));
    const seen = new Map([
      [0, mine],
      [2, 0],
    ]);
    const following = journal.follow(seen);
    const next = following.next();
    let rejected = false;
    const told = t.rejects(next, /interrupted: entry \d+ of partition 0 did not come in 2000 ms/).then(() => {
      rejected = true;
    });
    const { name } = await theConsumer(stage);
    const pause_until = new Date(Date.now() + 120_000).toISOString();
    await askJetStream(one, `CONSUMER.PAUSE.${stream}.${name}`, { pause_until });
    // What others write is no reason for alarm.
    for (let i = 2; i < 9; i++) {
      [others = 0] = await persist(journal, [append(1, others, i)]);
      await sleep(1_000);
    }
    t.equal(rejected, false);
    [mine = 0] = await persist(journal, [append(0, mine, 2)]);
    const startMs = performance.now();
    await told;
    t.ok(performance.now() - startMs < told_ms_max, `after ${performance.now() - startMs} ms`);
    const anew = journal.follow(seen);
    t.same(await take(anew, 1), ['0/2']);
    anew.stop();
  });
}

function wireTests(t: Test, nats: NatsCluster): void {
  const staged = async (t: Test, cluster: string, entries: number) => {
    const { journal } = await open(t, nats.urls, cluster);
    let seq = 0;
    for (let i = 1; i <= entries; i++) [seq = 0] = await persist(journal, [append(0, seq, i)]);
    const proxy = await NatsProxy.to(nats.urls[0] ?? '');
    t.teardown(() => proxy.close());
    const far = await open(t, [proxy.url], cluster);
    return { journal, proxy, far, seq };
  };

  for (const [which, at] of [
    ['in the middle', 3],
    ['at the end', 5],
  ] as const) {
    t.test(`a message lost on its way, ${which}: the follower is told, and nothing is missing anew`, async (t) => {
      const { proxy, far } = await staged(t, `lost-${at}`, 5);
      proxy.loses = (line) => new RegExp(`^H?MSG .* \\$JS\\.ACK\\..*\\.1\\.${at}\\.${at}\\.`).test(line);
      const following = far.journal.follow(new Map([[0, 0]]));
      const startMs = performance.now();
      const taken = await take(following, at - 1);
      await rejection(t, following, /interrupted: .* missing/);
      t.ok(performance.now() - startMs < 2_500, `after ${performance.now() - startMs} ms`);
      t.equal(proxy.lost.length, 1);
      proxy.loses = () => false;
      const anew = far.journal.follow(new Map([[0, at - 1]]));
      taken.push(...(await take(anew, 6 - at)));
      t.same(taken, ['0/1', '0/2', '0/3', '0/4', '0/5']);
      anew.stop();
    });
  }

  t.test('the end of a pull is lost: the silence after it tells', async (t) => {
    const { proxy, far, seq } = await staged(t, 'endless', 1);
    const following = far.journal.follow(new Map([[0, seq]]));
    await theConsumer(far);
    // Heartbeats come from a pull that has not ended; of 110 bytes or so, as the end is.
    proxy.loses = (line) => /^HMSG _INBOX\..*\.1 \d/.test(line);
    t.ok((await rejection(t, following, /interrupted: silent for 3000 ms/)) < told_ms_max);
    t.ok(proxy.lost.length > 0);
  });

  t.test('a connection that is half open: the silence tells, and a new follower begins where it may', async (t) => {
    const { journal, proxy, far, seq } = await staged(t, 'frozen', 1);
    const following = far.journal.follow(new Map([[0, seq]]));
    await theConsumer(far);
    proxy.frozen = true;
    t.ok((await rejection(t, following, /interrupted: (silent for|the connection broke)/)) < told_ms_max);
    const stillborn = far.journal.follow(new Map([[0, seq]]));
    t.ok((await rejection(t, stillborn, /interrupted: /)) < told_ms_max);
    const [next = 0] = await persist(journal, [append(0, seq, 2)]);
    t.ok(next > seq);
    const near = journal.follow(new Map([[0, seq]]));
    t.same(await take(near, 1), ['0/2']);
    near.stop();
  });
}

function processTests(t: Test, nats: NatsCluster): void {
  t.test('a process that is held up for seconds is not cut off', async (t) => {
    const stage = await open(t, nats.urls, 'held');
    const following = stage.journal.follow(new Map([[0, 0]]));
    await theConsumer(stage);
    const next = following.next();
    for (let i = 0; i < 3; i++) {
      const untilMs = performance.now() + 4_000;
      while (performance.now() < untilMs);
      await sleep(1_200);
    }
    await persist(stage.journal, [append(0, 0, 1)]);
    t.equal((await next).length, 1);
    following.stop();
  });

  t.test('its server is killed: the follower is told at once, and goes on anew when it is back', async (t) => {
    const stage = await open(t, nats.urls, 'killed');
    const tail = new Tail(stage.journal, [0]);
    const running = tail.run();
    const [seq = 0] = await persist(stage.journal, [append(0, 0, 1)]);
    await theConsumer(stage);
    await nats.servers[0]?.kill();
    await sleep(300);
    t.match(tail.interruptions[0], /interrupted: the connection broke/);
    await nats.servers[0]?.restart();
    await nats.ready();
    const startMs = performance.now();
    await persist(stage.journal, [append(0, seq, 2)]);
    while (tail.entries < 2 && performance.now() - startMs < told_ms_max) await sleep(20);
    t.same(tail.came.get(0), ['0/1', '0/2']);
    tail.stop();
    await running;
  });
}

t.test('three servers, each part of the way killed or paused: followers go on, and see all of it once', async (t) => {
  t.setTimeout(220_000);
  const nats = await startNats({ servers: 3, folder: t.testdir() });
  t.teardown(() => nats.stop());
  const writer = await open(t, nats.urls, 'three', 3);
  // One through each server, so that each of them is somebody's.
  const tails = await Promise.all(
    nats.urls.map(async (_, i) => new Tail((await open(t, rotated(nats.urls, i), 'three', 3)).journal, [0, 1, 2])),
  );
  const running = Promise.all(tails.map((tail) => tail.run()));
  let seqs: readonly number[] = [0, 0, 0];
  let number = 0;
  let writing = true;
  const written = (async () => {
    while (writing) {
      seqs = await persist(writer.journal, batch(++number, seqs));
      await sleep(10);
    }
  })();

  for (const [what, which, signal, forMs] of [
    ['a consumer’s server is killed', consumersServer, 'SIGKILL', 3_000],
    ['the stream’s leader is killed', leader, 'SIGKILL', 3_000],
    // Back before its heartbeats are missed, with a consumer of the same name that has forgotten how far it was.
    ['a consumer’s server is killed and back at once', consumersServer, 'SIGKILL', 0],
    ['a consumer’s server is paused', consumersServer, 'SIGSTOP', 3_000],
    ['the stream’s leader is paused', leader, 'SIGSTOP', 6_000],
  ] as const) {
    await caughtUp();
    const server = await which();
    await server.kill(signal);
    await sleep(forMs);
    if (signal === 'SIGKILL') await server.restart();
    else await server.kill('SIGCONT');
    await nats.ready();
    const ms = await caughtUp();
    t.ok(ms < told_ms_max, `${what}: all goes on ${ms} ms after the cluster is well`);
    t.comment(`${what}: ${Math.round(ms)} ms; interruptions ${tails.map(({ interruptions }) => interruptions.length)}`);
  }
  writing = false;
  await written;
  await caughtUp();
  for (const tail of tails) {
    for (const partition of [0, 1, 2]) {
      t.same(
        tail.came.get(partition),
        Array.from({ length: number }, (_, i) => `${partition}/${i + 1}`),
      );
    }
    tail.stop();
  }
  await running;
  const interruptions = tails.flatMap(({ interruptions }) => interruptions);
  t.ok(interruptions.length > 0);
  t.comment([...new Set(interruptions)].join('\n'));

  /** All that is written by the time that appends succeed again has come to every tail. */
  async function caughtUp(): Promise<number> {
    const target = writing ? number + 20 : number;
    while (number < target) await sleep(20);
    const startMs = performance.now();
    const count = 3 * target;
    while (tails.some(({ entries }) => entries < count)) {
      if (performance.now() - startMs > 30_000) throw new Error('a follower hangs');
      await sleep(5);
    }
    return performance.now() - startMs;
  }

  async function consumersServer(): Promise<NatsNode> {
    const { cluster } = await theConsumer(writer);
    return named(cluster?.leader);
  }

  async function leader(): Promise<NatsNode> {
    return named(await leaderOf(writer.one, writer.stream));
  }

  function named(name: string | undefined): NatsNode {
    const server = nats.servers.find((server) => server.name === name);
    if (server === undefined) throw new Error(`no server ${name}`);
    return server;
  }
});

t.test('a server cut off from the others with its consumer: the follower is told that nobody leads', async (t) => {
  t.setTimeout(120_000);
  const nats = await startNats({ servers: 3, folder: t.testdir() });
  t.teardown(() => nats.stop());
  const [own, ...others] = nats.servers;
  const stage = await open(t, [own?.url ?? ''], 'cut', 3);
  const seen = new Map([[0, 0]]);
  const following = await followThrough(own?.name);
  // The worst: it leads, and goes on saying so when nobody hears it.
  await makeLeader(stage.one, stage.stream, own?.name ?? '');
  const startMs = performance.now();
  // To the third they are as good as cut off.
  for (const server of others) await server.kill('SIGSTOP');
  const told = await rejection(t, following, /interrupted: no leader tells/);
  t.comment(`told after ${Math.round(performance.now() - startMs)} ms`);
  t.ok(told < 20_000, `after ${told} ms`);
  t.ok((await rejection(t, stage.journal.follow(seen), /interrupted: /)) < told_ms_max);
  for (const server of others) await server.kill('SIGCONT');
  await nats.ready();
  const tail = new Tail(stage.journal, [0]);
  const running = tail.run();
  await persist(stage.journal, [append(0, 0, 1)]);
  const againMs = performance.now();
  while (tail.entries < 1 && performance.now() - againMs < told_ms_max) await sleep(20);
  t.same(tail.came.get(0), ['0/1']);
  tail.stop();
  await running;

  /** A follower whose consumer is on this server; JetStream chooses one of the three. */
  async function followThrough(name: string | undefined): Promise<Following> {
    for (;;) {
      const following = stage.journal.follow(seen);
      const consumer = await theConsumer(stage);
      if (consumer.cluster?.leader === name) return following;
      following.stop();
      while ((await consumersOf(stage)).length > 0) await sleep(20);
    }
  }
});

function rotated<T>(list: readonly T[], by: number): T[] {
  return [...list.slice(by), ...list.slice(0, by)];
}
