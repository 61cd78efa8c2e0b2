import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, StorageType } from 'nats';
import t from 'tap';
import { startNats } from '../../scripts/nats-cluster.ts';
import {
  distributionMirrors,
  findNatsServer,
  newEnough,
  parseDeb822Sources,
  parseOneLineSources,
  parseVersion,
} from '../../scripts/nats-server.ts';

// Elections alone take up to ten seconds, and a first run fetches the server.
t.setTimeout(180_000);

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

t.test('a version is read from what nats-server prints, and 2.12 is the oldest taken', async (t) => {
  t.equal(parseVersion('nats-server: v2.15.1\n'), '2.15.1');
  t.equal(parseVersion('nats-server: v2.12.0-RC.1'), '2.12.0');
  t.equal(parseVersion('nats-server: (devel)'), undefined);
  for (const version of ['2.12.0', '2.15.1', '3.0.0']) t.ok(newEnough(version), version);
  for (const version of ['2.9.10', '2.11.9', '1.99.0']) t.notOk(newEnough(version), version);
});

t.test('a server named in NATS_SERVER is refused in words when it will not do', async (t) => {
  const before = process.env.NATS_SERVER;
  t.teardown(() => {
    if (before === undefined) delete process.env.NATS_SERVER;
    else process.env.NATS_SERVER = before;
  });
  const old = join(t.testdir(), 'nats-server');
  writeFileSync(old, '#!/bin/sh\necho "nats-server: v2.9.10"\n');
  chmodSync(old, 0o755);
  process.env.NATS_SERVER = old;
  await t.rejects(findNatsServer(), { message: /2\.9\.10, too old.*two writers/ });
  process.env.NATS_SERVER = `${old}-missing`;
  await t.rejects(findNatsServer(), { message: /NATS_SERVER names .*-missing, which cannot be run/ });
  writeFileSync(old, '#!/bin/sh\necho "nats-server: v2.12.3"\n');
  process.env.NATS_SERVER = old;
  t.same(await findNatsServer(), { path: old, version: '2.12.3' });
});

t.test('one-line sources: options, comments and source packages', async (t) => {
  const text = [
    '# deb http://off.example/debian bookworm main',
    'deb http://mirror.example/debian bookworm main contrib # the mirror',
    'deb-src http://mirror.example/debian bookworm main',
    'deb [ arch=amd64 signed-by=/usr/share/keyrings/other.gpg ] https://other.example/apt bookworm main',
  ].join('\n');
  t.same(parseOneLineSources(text), [
    {
      uris: ['http://mirror.example/debian'],
      suites: ['bookworm'],
      components: ['main', 'contrib'],
      signedBy: undefined,
    },
    {
      uris: ['https://other.example/apt'],
      suites: ['bookworm'],
      components: ['main'],
      signedBy: '/usr/share/keyrings/other.gpg',
    },
  ]);
});

t.test('deb822 sources: several stanzas, folded fields, comments, disabled ones', async (t) => {
  const text = [
    'Types: deb deb-src',
    '# URIs: http://off.example/debian',
    'URIs: http://mirror.example/debian',
    'Suites: bookworm',
    ' bookworm-updates',
    'Components: main',
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
    '',
    'Types: deb',
    'URIs: http://off.example/debian',
    'Suites: bookworm',
    'Components: main',
    'Enabled: no',
    '',
    'Types: deb-src',
    'URIs: http://off.example/debian',
    'Suites: bookworm',
    'Components: main',
  ].join('\n');
  t.same(parseDeb822Sources(text), [
    {
      uris: ['http://mirror.example/debian'],
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main'],
      signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg',
    },
  ]);
});

t.test('the mirror of the distribution goes before third parties, and security archives are left out', async (t) => {
  const sources = parseOneLineSources(
    [
      'deb https://other.example/apt bookworm main',
      'deb https://tools.example/apt stable tools',
      'deb http://mirror.example/debian-security bookworm-security main',
      'deb http://mirror.example/debian bookworm main',
      'deb http://mirror.example/debian bookworm-updates main',
    ].join('\n'),
  );
  t.same(distributionMirrors(sources, 'debian', 'bookworm'), [
    'http://mirror.example/debian',
    'https://other.example/apt',
  ]);
  t.same(distributionMirrors([], 'debian', 'bookworm'), []);
});

t.test('a cluster of three takes appends with one server killed, and stop leaves no process', async (t) => {
  const cluster = await startNats({ servers: 3, folder: t.testdir() });
  t.teardown(() => cluster.stop());
  const pids = cluster.servers.map((server) => server.pid ?? 0);
  t.equal(new Set(pids).size, 3);
  for (const server of cluster.servers) {
    t.match(readFileSync(server.logPath.replace(/log$/, 'conf'), 'utf8'), /sync_interval: always/);
  }

  const connection = await connect({ servers: [...cluster.urls], maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  t.teardown(() => connection.close());
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: 'log', subjects: ['log.>'], num_replicas: 3, storage: StorageType.File });
  const appends = connection.jetstream({ timeout: 2_000 });
  t.equal((await appends.publish('log.a', 'one', { expect: { lastSequence: 0 } })).seq, 1);

  const leader = (await manager.streams.info('log')).cluster?.leader;
  const [victim] = cluster.servers.filter((server) => server.name === leader);
  if (victim === undefined) throw new Error(`no server is called ${leader}`);
  await victim.kill();
  t.equal(victim.pid, undefined);

  // Until the two others have elected a leader there is nobody to answer. An append whose answer was lost may have been
  // stored, so it carries an id, and the second try finds it as a duplicate.
  const second = await retried(() => appends.publish('log.a', 'two', { msgID: 'two' }));
  t.equal(second.seq, 2, 'stored once');
  await t.rejects(appends.publish('log.a', 'stale', { expect: { lastSequence: 1 } }), /wrong last sequence/);

  await victim.restart();
  await cluster.ready();
  t.ok(lives(victim.pid ?? 0));
  pids.push(victim.pid ?? 0);
  t.equal((await manager.streams.info('log')).state.last_seq, 2);

  await connection.close();
  await cluster.stop();
  for (const pid of pids) t.notOk(lives(pid), `${pid} is gone`);
});

async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

t.test('one server: data outlives a restart, and a second start on its folder is refused', async (t) => {
  const folder = t.testdir();
  const cluster = await startNats({ servers: 1, folder, syncAlways: false });
  t.teardown(() => cluster.stop());
  await t.rejects(startNats({ servers: 1, folder }), /already runs on/);

  const [server] = cluster.servers;
  if (server === undefined) throw new Error('no server');
  await append(server.url, 1);
  await server.kill('SIGSTOP');
  await server.restart();
  await append(server.url, 2);
  await cluster.stop();
  await cluster.stop();

  const again = await startNats({ servers: 1, folder });
  t.teardown(() => again.stop());
  await append(again.urls[0] ?? '', 3);
  await again.stop();

  async function append(url: string, seq: number): Promise<void> {
    const connection = await connect({ servers: url });
    if (seq === 1) await (await connection.jetstreamManager()).streams.add({ name: 'log', subjects: ['log'] });
    t.equal((await connection.jetstream().publish('log')).seq, seq);
    await connection.close();
  }
});

t.test('a program that is killed takes its servers with it', async (t) => {
  const module = new URL('../../scripts/nats-cluster.js', import.meta.url).href;
  const source = `
    const { startNats } = await import(process.argv[1]);
    const cluster = await startNats({ servers: 1, folder: process.argv[2] });
    process.stdout.write(String(cluster.servers[0].pid));
  `;
  const args = ['--input-type=module', '-e', source, module, t.testdir()];
  const program = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => program.kill('SIGKILL'));
  const [printed] = await once(program.stdout, 'data');
  const pid = Number(String(printed));
  t.ok(lives(pid));
  program.kill('SIGKILL');
  await once(program, 'exit');
  for (let waited = 0; lives(pid) && waited < 50; waited++) await sleep(100);
  t.notOk(lives(pid));
});
