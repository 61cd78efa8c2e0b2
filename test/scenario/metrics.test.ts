import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { RingpostClient } from '../../client/index.ts';
import { freePort } from '../../scripts/free-ports.ts';
import { photo } from '../gateway/media/pictures.ts';
import { ServerProcess, signIn, until } from './cluster.ts';
import { Collector } from './collector.ts';

t.setTimeout(60_000);

/** Seen from dist/test/scenario. */
const root = fileURLToPath(new URL('../../../', import.meta.url));
const launcher = join(root, 'bin/ringpost.js');

/** What people say and are; none of it may be seen by operators' tools. */
const canaries = {
  body: 'canary-body-7f3a',
  password: 'canary-password-9d1c',
  wrong: 'canary-wrong-password-55aa',
  email: 'canary-e4b0@example.org',
  phone: '+4915112345678',
  about: 'canary-about-c2f7',
};

t.test('metrics of a real server, in one process', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-metrics-'));
  const metricsPort = await freePort();
  const collector = new Collector();
  await collector.start();
  const traces = ['--traces', collector.url, '--trace-share', '1'];
  const args = ['start', '--data', folder, '--metrics-port', String(metricsPort), ...traces];
  const server = new ServerProcess('solo', await freePort(), args);
  t.teardown(async () => {
    await server.signal('SIGTERM');
    collector.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await server.start();
  const { url } = server;
  const at = `http://127.0.0.1:${metricsPort}/metrics`;
  const scrape = async (): Promise<string> => (await fetch(at)).text();
  const figure = async (series: string): Promise<number> => {
    const line = (await scrape()).split('\n').find((one) => one.startsWith(`${series} `));
    return Number(line?.slice(series.length));
  };

  await t.test('a life of a message is counted, and nothing of it is shown', async (t) => {
    const alice = await signIn('alice', 'phone', { url });
    const bob = await RingpostClient.register({ url, user: 'bob', device: 'phone', password: canaries.password });
    t.teardown(() => Promise.all([alice.close(), bob.close()]));
    const heard: string[] = [];
    let reads = 0;
    bob.on('message', (message) => {
      heard.push(message.body);
      bob.read(message.from, message.seq);
    });
    alice.on('receipt', ({ read }) => void (read > 0 && reads++));
    await alice.connect();
    await bob.connect();
    await alice.send('bob', canaries.body).accepted;
    await until('it is read', () => heard.length === 1 && reads > 0);
    await bob.people.setProfile({ email: canaries.email, phone: canaries.phone, about: canaries.about });
    await t.rejects(alice.send('alice', canaries.body).accepted, { code: 'to_self' });
    const login = { url, user: 'bob', device: 'laptop', password: canaries.wrong };
    await t.rejects(RingpostClient.login(login), { code: 'bad_login' });

    t.equal(await figure('ringpost_messages_accepted_total{to="user"}'), 1);
    t.equal(await figure('ringpost_messages_arrived_total{to="user"}'), 1);
    t.equal(await figure('ringpost_messages_delivered_total{to="user"}'), 1);
    t.equal(await figure('ringpost_receipts_total{mark="read"}'), 1);
    t.equal(await figure('ringpost_words_total{kind="hello"}'), 2);
    t.equal(await figure('ringpost_refusals_total{code="to_self"}'), 1);
    t.equal(await figure('ringpost_http_refusals_total{code="bad_login"}'), 1);
    t.equal(await figure('ringpost_connections{transport="websocket"}'), 2);
    t.equal(await figure('ringpost_partitions{state="serving"}'), 32);
    t.ok((await figure('ringpost_turn_duration_seconds_count{kind="user"}')) >= 4);
    t.ok((await figure('ringpost_gate_wait_seconds_count')) >= 3);
    t.ok((await figure('ringpost_frames_total{direction="in"}')) >= 4);

    await until('the traces are there', () => /process user receipt/.test(collector.text));
    t.ok((await figure('ringpost_spans_total{outcome="sent"}')) > 20);
    t.ok((await figure('ringpost_traces_total{by="share"}')) >= 4);
    const log = readFileSync(join(folder, 'ringpost.log'), 'utf8');
    const shown = [await scrape(), server.said, log, collector.text].join('\n');
    t.match(shown, 'serving a partition', 'the log is there, down to its lowest level');
    for (const [what, canary] of Object.entries(canaries)) t.notMatch(shown, canary, `no ${what}`);
    t.notMatch(shown, /eyJ[\w-]+\.[\w-]+\./, 'no access token');
    t.notMatch(await scrape(), /alice|bob/, 'no name in a label');
    t.notMatch(collector.text, /alice|bob|laptop/, 'no name in a span');
  });

  await t.test('files and requests are counted by route, whether they come to their end or not', async (t) => {
    const carol = await signIn('carol', 'phone', { url });
    t.teardown(() => carol.close());
    await carol.connect();
    const noise = randomBytes(300_000);
    const file = await carol.files.upload(noise, { name: 'noise' });
    const picture = await carol.files.upload(await photo(), { name: 'beach.jpg' });
    t.equal((await (await carol.files.download(file)).arrayBuffer()).byteLength, noise.length);
    const { url: address } = await carol.files.url(file);
    await (await fetch(address, { headers: { range: 'bytes=0-99' } })).arrayBuffer();
    await fetch(`${url}/v1/files/nonsense`);
    await fetch(`${url}/v1/uploads`, { method: 'POST', body: 'x' });
    await fetch(`${url}/nowhere/${canaries.body}`);

    const uploads = 'route="POST /v1/uploads/*"';
    const downloads = 'route="GET /v1/files/*"';
    t.equal(await figure(`ringpost_http_requests_total{${uploads},status="201"}`), 2);
    t.equal(await figure(`ringpost_http_requests_total{${uploads},status="401"}`), 1);
    t.equal(await figure(`ringpost_http_requests_total{${downloads},status="200"}`), 1);
    t.equal(await figure(`ringpost_http_requests_total{${downloads},status="206"}`), 1);
    t.equal(await figure(`ringpost_http_request_duration_seconds_count{${downloads}}`), 3);
    t.equal(await figure('ringpost_http_requests_total{route="POST /v1/files",status="200"}'), 2);
    t.equal(await figure('ringpost_http_requests_total{route="none",status="404"}'), 1);
    t.equal(await figure('ringpost_file_bytes_total{direction="out"}'), noise.length + 100);
    t.ok((await figure('ringpost_file_bytes_total{direction="in"}')) > noise.length);
    t.equal(await figure('ringpost_uploads_total{outcome="begun"}'), 2);
    t.equal(await figure('ringpost_uploads_total{outcome="kept"}'), 2);
    t.equal(await figure('ringpost_uploads_unfinished'), 0);
    t.equal(await figure('ringpost_file_looks_total{outcome="image"}'), 1);
    t.equal(await figure('ringpost_file_looks_total{outcome="other"}'), 1);
    t.equal(await figure('ringpost_file_look_duration_seconds_count{outcome="image"}'), 1);
    const text = await scrape();
    t.notMatch(
      text,
      new RegExp(`${file.id}|${picture.id}|carol|noise|beach|nowhere|nonsense|${canaries.body}`),
      'no name',
    );
  });

  await t.test('the dashboard and the alarms name metrics that are there', async (t) => {
    const text = await scrape();
    const named = new Set(
      [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name = '', type]) => {
        return type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name];
      }),
    );
    t.ok(named.size > 40);
    for (const path of ['deploy/grafana/ringpost.json', 'deploy/prometheus/alerts.yml']) {
      const source = readFileSync(join(root, path), 'utf8');
      const asked = new Set([...source.matchAll(/\b(?:ringpost|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name));
      t.ok(asked.size > 10, path);
      t.strictSame(
        [...asked].filter((name) => !named.has(name)),
        [],
        path,
      );
      for (const [, name = '', label = '', values = ''] of source.matchAll(/(ringpost_\w+)\{(\w+)=~?\\?"([\w|]+)/g)) {
        for (const value of values.split('|')) t.match(text, `${name}{${label}="${value}"}`, `${path}: ${name}`);
      }
    }
  });

  await t.test('every alarm is told of in docs/OPERATING.md, and no other', async (t) => {
    const alerts = readFileSync(join(root, 'deploy/prometheus/alerts.yml'), 'utf8');
    const page = readFileSync(join(root, 'docs/OPERATING.md'), 'utf8');
    const alarms = [...alerts.matchAll(/alert: (\w+)/g)].map(([, name]) => name);
    const told = [...page.matchAll(/^\| `(Ringpost\w+)`/gm)].map(([, name]) => name);
    t.strictSame(told.sort(), alarms.sort());
  });

  await t.test('there is only /metrics there, to be read', async (t) => {
    t.equal((await fetch(at.replace('metrics', 'other'))).status, 404);
    t.equal((await fetch(at, { method: 'POST' })).status, 405);
    t.equal((await fetch(`${url}/metrics`)).status, 404, 'and not where clients connect');
  });
});

t.test('what can not be done is said in words, with code 2', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-metrics-'));
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    taken.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const port = (taken.address() as { port: number }).port;
  for (const [args, words] of [
    [['--metrics-port', String(port)], `Port ${port} is taken by another program`],
    [['--metrics-port', 'many'], '--metrics-port takes a whole number from 0 to 65535, not "many"'],
    [['--metrics-port', '70000'], '--metrics-port takes a whole number from 0 to 65535'],
    [['--metrics-host', '127.0.0.1'], '--metrics-host needs --metrics-port'],
    [['--metrics-port', '0', '--metrics-host', '192.0.2.1'], 'not "192.0.2.1" (EADDRNOTAVAIL)'],
    [['--traces', 'collector:4318'], '--traces takes http://… or https://…, not "collector:4318"'],
    [['--traces', 'http://127.0.0.1:4318', '--trace-share', '2'], '--trace-share takes a number from 0 to 1, not "2"'],
    [['--trace-share', '0.5'], '--trace-share needs --traces'],
  ] as const) {
    const child = spawn(process.execPath, [launcher, 'start', '--data', folder, '--port', '0', ...args]);
    let said = '';
    child.stderr.on('data', (data) => {
      said += String(data);
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    t.equal(code, 2, args.join(' '));
    t.match(said, words);
  }
});
