import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { connectNats, type NatsLink, plainHeaders } from '../../runtime/io/nats.ts';
import { openNatsArchive } from '../../runtime/io/nats-archive.ts';
import { askJetStream } from '../../runtime/io/nats-stream.ts';
import type { Archive } from '../../runtime/ports.ts';
import { type NatsCluster, type NatsNode, startNats } from '../../scripts/nats-cluster.ts';
import { archiveContract, digest, digestOf, inParts, whole } from './archive.ts';
import { link, quiet } from './nats-world.ts';

t.setTimeout(300_000);

/** Of the driver. */
const chunk_bytes = 512 * 1024;
let clusters = 0;

for (const servers of [1, 3] as const) {
  t.test(`the archive on NATS, ${servers} server(s)`, { timeout: 300_000 }, async (t) => {
    const nats = await startNats({ servers, folder: t.testdir() });
    t.teardown(() => nats.stop());
    archiveContract(t, async () => {
      const cluster = `contract${clusters++}`;
      const links: NatsLink[] = [];
      const open = async () => {
        const link = await connectNats({ servers: nats.urls, name: 'test', log: quiet });
        links.push(link);
        return openNatsArchive({ link, cluster, replicas: servers });
      };
      return {
        archive: await open(),
        other: await open(),
        settle: (promise) => promise,
        bigBytes: servers === 1 ? 64_000_000 : 16_000_000,
        close: async () => {
          for (const link of links) {
            // The next test's segments need the room on disk.
            if (link.connected) await askJetStream(link, `STREAM.DELETE.RP_${cluster}_SEGMENTS`).catch(() => {});
            await link.close();
          }
        },
      };
    });
    leftoversTest(t, nats);
    doubtTest(t, nats);
    manyTest(t, nats);
    outageTest(t, nats);
    if (servers === 3) {
      flipTest(t, nats);
      killTest(t, nats);
    }
  });
}

async function opened(t: Test, nats: NatsCluster, cluster: string, patienceMs = 30_000) {
  const one = await link(t, nats.urls);
  return { one, archive: await openNatsArchive({ link: one, cluster, replicas: nats.servers.length, patienceMs }) };
}

function leftoversTest(t: Test, nats: NatsCluster): void {
  t.test(
    'what a put leaves behind whose process died is no segment, is listed, and is removed by its name',
    async (t) => {
      const { one, archive } = await opened(t, nats, 'left');
      const lost = async () => {
        for (const subject of ['rp.left.seg.1.lost.id1', 'rp.left.seg.1.kept.id2'])
          await one.ask(subject, randomBytes(chunk_bytes), 5_000);
      };
      await lost();
      await t.rejects(whole(archive.get('1/lost')), /no segment 1\/lost/);
      t.same([...(await archive.names(1))].sort(), ['1/kept', '1/lost']);
      await archive.put('1/kept', [Buffer.from('kept')]);
      await lost();
      t.equal((await whole(archive.get('1/kept'))).toString(), 'kept');
      await archive.remove('1/lost');
      t.same(await archive.names(1), ['1/kept']);
      await archive.remove('1/kept');
      t.same(await archive.names(1), []);
      const { state } = await askJetStream<{ state: { messages: number } }>(one, 'STREAM.INFO.RP_left_SEGMENTS');
      t.equal(state.messages, 0, 'nothing stays');
    },
  );

  t.test('a put that is refused removes what it wrote', async (t) => {
    const { one, archive } = await opened(t, nats, 'refused');
    const both = [1, 2].map(() => archive.put('1/a', inParts(randomBytes(4_000_000), 100_000)));
    t.same((await Promise.allSettled(both)).map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const { state } = await askJetStream<{ state: { messages: number } }>(one, 'STREAM.INFO.RP_refused_SEGMENTS');
    t.equal(state.messages, Math.ceil(4_000_000 / chunk_bytes) + 1, 'the chunks and the manifest of one');
  });
}

function doubtTest(t: Test, nats: NatsCluster): void {
  t.test('a chunk that is not what was put, or is gone, is never handed over', async (t) => {
    const { one, archive } = await opened(t, nats, 'doubt', 1_000);
    const bytes = randomBytes(5 * chunk_bytes);
    await archive.put('1/a', inParts(bytes, 100_000));
    const subject = 'rp.doubt.seg.1.a.manifest';
    const { message } = await askJetStream<{ message: { data: string; seq: number } }>(
      one,
      'STREAM.MSG.GET.RP_doubt_SEGMENTS',
      { last_by_subj: subject },
    );
    type Chunk = [seq: number, bytes: number, checksum: number];
    const manifest = JSON.parse(Buffer.from(message.data, 'base64').toString()) as { chunks: Chunk[] };
    const changes: [words: RegExp, change: (chunk: Chunk) => void][] = [
      [/damaged/, (chunk) => (chunk[2] ^= 1)],
      [/damaged/, (chunk) => (chunk[1] += 1)],
      [/gone/, (chunk) => (chunk[0] = message.seq + 1_000)],
    ];
    for (const [i, [words, change]] of changes.entries()) {
      const changed = structuredClone(manifest);
      change(changed.chunks[3] as Chunk);
      await one.ask(`rp.doubt.seg.2.b${i}.manifest`, Buffer.from(JSON.stringify(changed)), 5_000);
      const got: Uint8Array[] = [];
      const reading = async () => {
        for await (const part of archive.get(`2/b${i}`)) got.push(part);
      };
      await t.rejects(reading(), words);
      t.equal(Buffer.compare(Buffer.concat(got), bytes.subarray(0, 3 * chunk_bytes)), 0, 'the chunks before it');
    }
    await askJetStream(one, 'STREAM.MSG.DELETE.RP_doubt_SEGMENTS', { seq: manifest.chunks[2]?.[0] });
    await t.rejects(digestOf(archive.get('1/a')), /1\/a breaks off: a part of it is damaged or gone/);
  });

  t.test('a manifest is never appended over another', async (t) => {
    const { one, archive } = await opened(t, nats, 'over');
    await archive.put('1/a', [Buffer.from('first')]);
    const headers = plainHeaders('Nats-Expected-Last-Subject-Sequence: 0\r\n');
    const answer = await one.ask('rp.over.seg.1.a.manifest', Buffer.from('{}'), 5_000, headers);
    t.match(answer.kind === 'reply' && Buffer.from(answer.message.data).toString(), /wrong last sequence/);
  });
}

function manyTest(t: Test, nats: NatsCluster): void {
  t.test('many segments at once, more than there is room for on the way', { timeout: 120_000 }, async (t) => {
    const { archive } = await opened(t, nats, 'many');
    const segments = Array.from({ length: 12 }, (_, i) => ({ name: `${i}/s`, bytes: randomBytes(3_000_000 + i) }));
    await Promise.all(segments.map(({ name, bytes }) => archive.put(name, inParts(bytes, 100_000))));
    const digests = await Promise.all(segments.map(({ name }) => digestOf(archive.get(name))));
    t.same(
      digests,
      segments.map(({ bytes }) => digest(bytes)),
    );
  });
}

function outageTest(t: Test, nats: NatsCluster): void {
  t.test('a link that is closed ends what goes on, with an error', async (t) => {
    const { one, archive } = await opened(t, nats, 'closed');
    const bytes = randomBytes(20 * chunk_bytes);
    await archive.put('1/a', inParts(bytes, 1_000_000));
    const parts = archive.get('1/a')[Symbol.asyncIterator]();
    await parts.next();
    const endless = async function* () {
      for (;;) {
        yield randomBytes(100_000);
        await sleep(1);
      }
    };
    const putting = archive.put('1/b', endless());
    await sleep(50);
    await Promise.all([t.rejects(putting), one.close()]);
    const rest = async () => {
      for (let next = await parts.next(); next.done !== true; next = await parts.next());
    };
    await t.rejects(rest(), /1\/a breaks off/);
    await t.rejects(archive.pointer(1));
    await t.rejects(archive.point(1, 0, Buffer.from('x')));
    await t.rejects(archive.names(1));
    await t.rejects(archive.remove('1/a'));
  });

  t.test(
    'without servers a get throws when its patience ends; with them again all is there',
    { timeout: 120_000 },
    async (t) => {
      const { archive } = await opened(t, nats, 'outage', 2_000);
      const bytes = randomBytes(20 * chunk_bytes);
      await archive.put('1/a', inParts(bytes, 1_000_000));
      await archive.point(1, 0, Buffer.from('1/a'));
      const parts = archive.get('1/a')[Symbol.asyncIterator]();
      const got = [(await parts.next()).value as Uint8Array];
      await Promise.all(nats.servers.map((server) => server.kill()));
      const rest = async () => {
        for (let next = await parts.next(); next.done !== true; next = await parts.next()) got.push(next.value);
      };
      await t.rejects(rest(), /1\/a breaks off/);
      await t.rejects(archive.put('1/b', [bytes]));
      await t.rejects(archive.pointer(1));
      await Promise.all(nats.servers.map((server) => server.restart()));
      await nats.ready();
      const patient = await opened(t, nats, 'outage');
      t.equal(await digestOf(patient.archive.get('1/a')), digest(bytes));
      const { bytes: pointed } = await asked(() => patient.archive.pointer(1));
      t.equal(Buffer.from(pointed ?? []).toString(), '1/a');
    },
  );
}

/** Again until there is an answer: an election leaves a question without one. */
async function asked<T>(question: () => Promise<T>, tries = 20): Promise<T> {
  return await question().catch((error: unknown) => {
    if (tries === 1) throw error;
    return asked(question, tries - 1);
  });
}

function flipTest(t: Test, nats: NatsCluster): void {
  t.test('bits that flip on one server’s disk cost nothing', { timeout: 120_000 }, async (t) => {
    const [, damaged] = nats.servers as [NatsNode, NatsNode, NatsNode];
    const { archive } = await opened(t, nats, 'flips');
    const bytes = randomBytes(24_000_000);
    await archive.put('1/a', inParts(bytes, 1_000_000));
    await damaged.kill();
    t.ok(flipBits(join(dirname(damaged.logPath), damaged.name), 'RP_flips_SEGMENTS') > 0);
    await damaged.restart();
    await nats.ready();
    for (const server of nats.servers) {
      const near = await linkTo(t, nats, server);
      const reader = await openNatsArchive({ link: near, cluster: 'flips', replicas: 3 });
      t.equal(await digestOf(reader.get('1/a')), digest(bytes), `read through ${server.name}`);
    }
  });
}

/** Three in each file that holds messages of the stream; how many in all. */
function flipBits(folder: string, stream: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file));
  let flipped = 0;
  for (const file of files.filter((file) => file.includes(`${stream}/msgs/`) && file.endsWith('.blk'))) {
    const bytes = readFileSync(file);
    for (const at of [0.2, 0.5, 0.8].map((share) => Math.floor(bytes.byteLength * share)).slice(0, bytes.byteLength)) {
      bytes[at] = (bytes[at] as number) ^ 4;
      flipped++;
    }
    writeFileSync(file, bytes);
  }
  return flipped;
}

/** A link that knows all servers and has chosen this one. */
async function linkTo(t: Test, nats: NatsCluster, server: NatsNode): Promise<NatsLink> {
  for (;;) {
    const one = await link(t, nats.urls);
    if (server.url.endsWith(one.connection.getServer())) return one;
    await one.close();
  }
}

/** What became of puts and gets while servers were lost. */
interface Course {
  readonly kept: Map<string, string>;
  rejected: number;
  read: number;
}

function killTest(t: Test, nats: NatsCluster): void {
  t.test('servers are killed and paused while segments are put and read', { timeout: 300_000 }, async (t) => {
    const writer = (await opened(t, nats, 'kills')).archive;
    const reader = (await opened(t, nats, 'kills')).archive;
    const course: Course = { kept: new Map(), rejected: 0, read: 0 };
    let running = true;
    const putting = (async () => {
      for (let i = 0; running; i++) await putOne(t, course, writer, reader, `1/s${i}`);
    })();
    const reading = (async () => {
      while (running) {
        const kept = [...course.kept].at(-1);
        if (kept === undefined) await sleep(50);
        else await readOne(t, course, reader, ...kept);
      }
    })();
    for (const [i, server] of nats.servers.entries()) {
      await sleep(1_500);
      await lose(server, i === 1);
      await nats.ready();
    }
    await sleep(1_500);
    running = false;
    await Promise.all([putting, reading]);
    t.comment(`${course.kept.size} put, ${course.rejected} rejected, ${course.read} read`);
    t.ok(course.kept.size >= 3 && course.read >= 3, 'it went on');
    for (const [name, digest] of course.kept) t.equal(await digestOf(reader.get(name)), digest, name);
  });
}

async function lose(server: NatsNode, paused: boolean): Promise<void> {
  await server.kill(paused ? 'SIGSTOP' : 'SIGKILL');
  await sleep(4_000);
  if (paused) await server.kill('SIGCONT');
  else await server.restart();
}

async function putOne(t: Test, course: Course, writer: Archive, reader: Archive, name: string): Promise<void> {
  const bytes = randomBytes(12_000_000);
  try {
    await writer.put(name, inParts(bytes, 100_000));
    course.kept.set(name, digest(bytes));
  } catch {
    course.rejected++;
    // Not known to be kept: then it is all there, or can't be read.
    const found = await digestOf(reader.get(name)).catch(() => 'nothing');
    t.ok(found === 'nothing' || found === digest(bytes), `${name} is ${found === 'nothing' ? 'not there' : 'whole'}`);
  }
}

async function readOne(t: Test, course: Course, reader: Archive, name: string, digest: string): Promise<void> {
  const found = await digestOf(reader.get(name)).catch((error: Error) => error);
  if (found instanceof Error) return;
  course.read++;
  if (found !== digest) t.fail(`${name} was read other than it was put`);
}
