/** docs/OPERATING.md: each command line in it is run here for real, or in the test that is named here. One that is in neither list fails. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parseTokens } from '../../console/access.ts';
import { freePort, freePorts } from '../../scripts/free-ports.ts';
import { findNatsServer } from '../../scripts/nats-server.ts';
import { pause, signIn, until } from './cluster.ts';
import { Collector } from './collector.ts';
import { argsOf, commandsOf, isShortFor, Running, ringpost, type Said } from './operating.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(join(root, 'docs/OPERATING.md'), 'utf8');

/** Run, or checked, in another test: which has these words in it. */
const elsewhere: { readonly [command: string]: readonly [test: string, words: string] } = {
  'ringpost start': ['test/scenario/embedded.test.ts', "'start', '--data', folder"],
  'ringpost node n1 … --admin-port 7700 --admin-tokens /etc/ringpost/admin-tokens': [
    'test/scenario/operator.ts',
    "'--admin-port', String(port), '--admin-tokens', tokens",
  ],
  'ringpost admin --node 10.0.0.1:7700,10.0.0.2:7700,10.0.0.3:7700': [
    'test/scenario/console.test.ts',
    "'--node', nodes.join(',')",
  ],
  'ringpost restore FOLDER --nats nats://d:4222,nats://e:4222,nats://f:4222': [
    'test/scenario/backup.test.ts',
    "ringpost('restore', saved, '--nats'",
  ],
  'deploy/grafana/ringpost.json': ['test/scenario/metrics.test.ts', 'deploy/grafana/ringpost.json'],
  'deploy/prometheus/alerts.yml': ['test/scenario/metrics.test.ts', 'deploy/prometheus/alerts.yml'],
};

const nats_of_the_page = 'nats://a:4222,nats://b:4222,nats://c:4222';

/** What the page's placeholders are in this test. */
interface Place {
  readonly folder: string;
  readonly nats: string;
  readonly messageId: string;
  /** Of the newest entry of the audit log. */
  noted: string;
}

interface Step {
  /** As the page says it. */
  readonly says: string;
  /** For its words. */
  readonly with?: (place: Place) => { readonly [word: string]: string };
  /** What is added to it: what the page says elsewhere, such as `--yes`. */
  readonly and?: readonly string[];
  /** 0 where it is left out. */
  readonly code?: number;
  readonly shows: RegExp;
}

const why = { '…': 'a test of the page' };

/** Commands that end by themselves, in this order. A new command of the page needs a line here, or one above. */
const steps: readonly Step[] = [
  { says: 'ringpost admin nodes', shows: /n1 +alive[\s\S]*n2 +alive[\s\S]*n3 +alive/ },
  { says: 'ringpost admin partitions', shows: /PARTITION +OWNER[\s\S]*\n *31 +n/ },
  { says: 'ringpost admin partitions 7', shows: /hash [0-9a-f]{8}/ },
  { says: 'ringpost admin events', shows: /node n3 has joined|moved|snapshot|taken by/ },
  { says: 'ringpost admin mail --kind user --share 0.01 --seconds 10', with: () => ({ 10: '1' }), shows: /WHEN +NODE/ },
  { says: 'ringpost admin actors user/al', shows: /user\/alice/ },
  { says: 'ringpost admin actor user/alice', shows: /tables: .*tl/ },
  { says: 'ringpost admin actor user/alice tl', shows: /words of the page/ },
  { says: 'ringpost admin dead-letters', shows: /ID +SINCE/ },
  { says: 'ringpost admin dead-letters show ID', with: () => ({ ID: '3.1_x' }), code: 3, shows: /no dead letter/ },
  {
    says: 'ringpost admin dead-letters replay ID --reason "…"',
    with: () => ({ ID: '3.1_x', ...why }),
    code: 3,
    shows: /no dead letter/,
  },
  {
    says: 'ringpost admin dead-letters drop ID --reason "…"',
    with: () => ({ ID: '3.1_x', ...why }),
    and: ['--yes'],
    code: 3,
    shows: /no dead letter/,
  },
  { says: 'ringpost admin snapshot 7 --reason "…"', with: () => why, shows: /is made/ },
  { says: 'ringpost admin verify 7 --reason "…"', with: () => why, shows: /partition 7 on n\d, .*: sound/ },
  { says: 'ringpost admin verify --all --reason "…"', with: () => why, shows: /All 32 are sound/ },
  { says: 'ringpost admin rebuild 7 --reason "…"', with: () => why, and: ['--yes'], shows: /being built anew/ },
  { says: 'ringpost admin users al', shows: /user\/alice/ },
  { says: 'ringpost admin user alice', shows: /phone/ },
  { says: 'ringpost admin groups', shows: /ACTOR/ },
  { says: 'ringpost admin group GROUP-ID', with: () => ({ 'GROUP-ID': 'none' }), code: 3, shows: /no group #none/ },
  { says: 'ringpost admin reports', shows: /WHEN +BY/ },
  {
    says: 'ringpost admin trace alice MESSAGE-ID',
    with: ({ messageId }) => ({ 'MESSAGE-ID': messageId }),
    shows: /accepted/,
  },
  { says: 'ringpost admin drain n2 --reason "new disks"', and: ['--yes'], shows: /owns no partitions any more/ },
  { says: 'ringpost admin resume n2 --reason "…"', with: () => why, shows: /its share/ },
  {
    says: 'ringpost admin move 7 n2 --reason "n1 is hot"',
    and: ['--yes'],
    shows: /n2/,
  },
  {
    says: 'ringpost admin rebalance --reason "…"',
    with: () => why,
    and: ['--yes'],
    shows: /No partition is pinned any more/,
  },
  {
    says: `ringpost drain n1 --nats ${nats_of_the_page}`,
    with: ({ nats }) => ({ n1: 'n3', [nats_of_the_page]: nats }),
    shows: /n3/,
  },
  { says: 'ringpost drain n1 --undo --nats …', with: ({ nats }) => ({ n1: 'n3', '…': nats }), shows: /n3/ },
  {
    says: `ringpost backup FOLDER --nats ${nats_of_the_page}`,
    with: ({ folder, nats }) => ({ FOLDER: join(folder, 'saved'), [nats_of_the_page]: nats }),
    shows: /holds the cluster "ringpost"/,
  },
  {
    says: 'ringpost admin backup FOLDER --reason "…"',
    with: ({ folder }) => ({ FOLDER: join(folder, 'saved-by-a-node'), ...why }),
    shows: /holds the cluster "ringpost"/,
  },
  {
    says: 'ringpost admin audit export FILE',
    with: ({ folder }) => ({ FILE: join(folder, 'audit.jsonl') }),
    shows: /entries are in/,
  },
  { says: 'ringpost admin user alice revoke phone --reason "…"', with: () => why, and: ['--yes'], shows: /has ended/ },
  {
    says: 'ringpost admin audit trim NUMBER:HASH --reason "…"',
    with: ({ noted }) => ({ 'NUMBER:HASH': noted, ...why }),
    and: ['--yes'],
    shows: /are gone/,
  },
  { says: 'ringpost admin user alice deactivate --reason "…"', with: () => why, and: ['--yes'], shows: /has ended/ },
  { says: 'ringpost admin audit list', shows: /DeactivateUser/ },
  { says: 'ringpost admin audit verify', shows: /each as it was written/ },
  {
    says: 'ringpost admin audit verify --noted NUMBER:HASH',
    with: ({ noted }) => ({ 'NUMBER:HASH': noted }),
    shows: /each as it was written/,
  },
];

/** Those that go on until they are ended, and those of other programs; run below. */
const others = {
  token: 'openssl rand -base64 24',
  cluster: 'ringpost cluster --admin-port 7700',
  metrics: 'ringpost cluster --metrics-port N',
  traces: 'ringpost cluster --traces http://127.0.0.1:4318 --trace-share 1',
  node: `ringpost node NAME --nats ${nats_of_the_page} --secret FILE --host ADDRESS --data FOLDER`,
  tls: 'ringpost node n1 … --admin-port 7700 --admin-host 10.0.0.1 --admin-tls-cert n1.pem --admin-tls-key n1.key --admin-tls-ca operators.pem',
  follow: 'ringpost admin events --follow --json',
  completion: 'eval "$(ringpost admin completion bash)"',
};

const run_here = [...steps.map(({ says }) => says), ...Object.values(others)];
/** Cheap passwords, and what a small cluster has less of. */
const small = ['--set', 'gateway.scrypt_cost=1024'];

t.setTimeout(240_000);

t.test('docs/OPERATING.md: each command is run in a test, and each that is run is still there', async (t) => {
  const there = commandsOf(page);
  const known = [...run_here, ...Object.keys(elsewhere)];
  for (const command of there) {
    const isKnown = known.includes(command) || known.some((other) => isShortFor(command, other));
    t.ok(isKnown, `${command}: put it into the lists of test/scenario/operating.test.ts`);
  }
  const files = [...page.matchAll(/`(deploy\/[^`]+)`/g)].map(([, file = '']) => file);
  for (const command of known) t.ok(there.includes(command) || files.includes(command), `${command}: the page has it`);
  for (const file of files) {
    t.ok(existsSync(join(root, file)), file);
    t.ok(known.includes(file) || file === 'deploy/nats-server.conf', `${file} is checked somewhere`);
  }
  for (const [command, [test, words]] of Object.entries(elsewhere))
    t.ok(readFileSync(join(root, test), 'utf8').includes(words), `${command} is run in ${test}`);
});

t.test('what is read of a page', async (t) => {
  const text =
    'Say `ringpost start`, or `nothing`.\n\n```\nringpost admin drain n2 --reason "new disks"   empties it\n```\n\n    npm run sim\n';
  t.strictSame(commandsOf(text), ['ringpost start', 'ringpost admin drain n2 --reason "new disks"', 'npm run sim']);
  t.strictSame(argsOf('ringpost drain n1 --why "a b" --nats …', { n1: 'n3', '…': 'x' }), [
    'drain',
    'n3',
    '--why',
    'a b',
    '--nats',
    'x',
  ]);
  t.ok(isShortFor('ringpost admin', 'ringpost admin nodes'));
  t.notOk(isShortFor('ringpost admin nodes', 'ringpost admin nodes'));
  t.notOk(isShortFor('ringpost admim', 'ringpost admin nodes'));
});

t.test('a small cluster, by the page', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-operating-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  certificates(folder);
  natsConfiguration(t, folder, (await findNatsServer()).path);
  const secret = execFileSync('openssl', others.token.split(' ').slice(1), { encoding: 'utf8' }).trim();
  t.match(parseTokens(`carol admin ${secret}`), [{ who: 'carol', role: 'admin' }]);

  const [port, adminPort, metricsPort] = [await neighbours(), await neighbours(), await neighbours()];
  const collector = new Collector();
  await collector.start();
  t.teardown(() => collector.stop());
  const cluster = new Running(t, [
    ...argsOf(others.cluster, { 7700: String(adminPort) }),
    ...argsOf(others.metrics, { N: String(metricsPort) }).slice(1),
    ...argsOf(others.traces, { 'http://127.0.0.1:4318': collector.url }).slice(1),
    ...['--nodes', '2', '--nats', '1', '--port', String(port), '--data', join(folder, 'cluster'), ...small],
  ]);
  const said = await cluster.until(/Ctrl-C stops all/);
  const nats = /drain n2 --nats (\S+)/.exec(said)?.[1] ?? '';
  t.equal((await fetch(`http://127.0.0.1:${metricsPort + 1}/metrics`)).status, 200, 'of the second node');
  process.env.RINGPOST_ADMIN_NODE = `127.0.0.1:${adminPort}`;
  process.env.RINGPOST_ADMIN_TOKEN = readFileSync(join(folder, 'cluster', 'admin-tokens'), 'utf8')
    .trim()
    .split(' ')[2];
  const url = `http://127.0.0.1:${port}`;
  const [messageId] = await Promise.all([message(t, url), nodes(t, folder, nats)]);

  await until('the message is traced', () => collector.spans.some(({ name }) => name === 'process user message'));
  const place: Place = { folder, nats, messageId, noted: '' };
  for (const { says, with: real, and = [], code = 0, shows } of steps) {
    const ended = await settled([...argsOf(says, real?.(place)), ...and]);
    t.match(ended, { code, words: shows }, says);
    place.noted = /(\d+:[0-9a-f]{64})/.exec(ended.words)?.[1] ?? place.noted;
  }
  const following = new Running(t, argsOf(others.follow));
  t.match(await following.until(/"kind":"CHANGE".*DeactivateUser/), /"kind":"PARTITION_MOVED"/);
  t.equal(await following.end('SIGINT'), 0);
  const shell = `PATH="${folder}:$PATH"; ${others.completion}; complete -p ringpost`;
  writeFileSync(join(folder, 'ringpost'), `#!/bin/sh\nexec "${process.execPath}" "${root}bin/ringpost.js" "$@"\n`, {
    mode: 0o755,
  });
  t.match(execFileSync('bash', ['-c', shell], { encoding: 'utf8' }), /-F _ringpost_admin ringpost/);
});

/** Partitions move while nodes join and are drained: code 5 is "not now", so it is asked again, as an operator would. */
async function settled(args: readonly string[]): Promise<Said> {
  for (let tries = 1; ; tries++) {
    const said = await ringpost(args);
    if (said.code !== 5 || tries === 50) return said;
    await pause(200);
  }
}

/** A free port whose next one is free, too: `ringpost cluster` takes both. */
async function neighbours(): Promise<number> {
  for (;;) {
    const [first = 0, second = 0] = await freePorts(2);
    if (second === first + 1) return first;
  }
}

/** A node that joins, and one whose console wants certificates. */
async function nodes(t: Test, folder: string, nats: string): Promise<void> {
  const at = (name: string): string => join(folder, name);
  const real = { [nats_of_the_page]: nats, FILE: join(folder, 'cluster', 'secret'), ADDRESS: '127.0.0.1' };
  const less = ['--replicas', '1', ...small];
  const third = [
    ...argsOf(others.node, { ...real, NAME: 'n3', FOLDER: at('n3') }),
    ...less,
    '--port',
    String(await freePort()),
  ];
  const [port, adminPort] = [await freePort(), String(await freePort())];
  const rest = argsOf(others.node, { ...real, NAME: 'n4', FOLDER: at('n4') }).slice(2);
  const tls = { 7700: adminPort, '10.0.0.1': '127.0.0.1', n1: 'n4', 'n1.pem': at('n1.pem'), 'n1.key': at('n1.key') };
  const fourth = argsOf(others.tls, { ...tls, 'operators.pem': at('operators.pem') }).filter((word) => word !== '…');
  const running = [new Running(t, third), new Running(t, [...fourth, ...rest, ...less, '--port', String(port)])];
  await Promise.all(running.map((node) => node.until(/ is up at /)));
  const mine = ['--tls-ca', at('operators.pem'), '--tls-cert', at('carol.pem'), '--tls-key', at('carol.key')];
  const seen = await ringpost(['admin', 'nodes', '--node', `localhost:${adminPort}`, ...mine]);
  t.match(seen, { code: 0, words: /n4 +alive/ }, others.tls);
  t.equal(await running[1]?.end('SIGTERM'), 0);
}

/** Alice's to Bob; its id. */
async function message(t: Test, url: string): Promise<string> {
  const [alice, bob] = [await signIn('alice', 'phone', { urls: [url] }), await signIn('bob', 'phone', { urls: [url] })];
  t.teardown(() => Promise.all([alice.close(), bob.close()]));
  await alice.connect();
  const sent = alice.send('bob', 'words of the page');
  await sent.accepted;
  return sent.id;
}

/** A node's, and an operator's, both signed by the same. */
function certificates(folder: string): void {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...fresh,
    '-keyout',
    'operators.key',
    '-out',
    'operators.pem',
    '-subj',
    '/CN=operators',
    '-days',
    '2',
  );
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost');
  for (const [name, subject] of [
    ['n1', '/CN=localhost'],
    ['carol', '/OU=admin/CN=carol'],
  ] as const) {
    openssl('req', ...fresh, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    const by = ['-CA', 'operators.pem', '-CAkey', 'operators.key', '-CAcreateserial'];
    openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-out', `${name}.pem`, '-days', '2', '-extfile', 'names');
  }
}

/** As its own comment says that it is checked. */
function natsConfiguration(t: Test, folder: string, server: string): void {
  const routes = Object.fromEntries(
    [1, 2, 3].map((i) => [`NATS_ROUTE_${i}`, `"nats://route:x@127.0.0.1:${6_220 + i}"`]),
  );
  const env = {
    ...process.env,
    ...routes,
    ...{ NATS_NAME: 'nats-1', NATS_STORE: join(folder, 'store'), NATS_PASSWORD: 'one', NATS_ROUTE_PASSWORD: 'other' },
    ...{ NATS_CERT: join(folder, 'n1.pem'), NATS_KEY: join(folder, 'n1.key'), NATS_CA: join(folder, 'operators.pem') },
  };
  const checked = () =>
    execFileSync(server, ['-t', '-c', join(root, 'deploy/nats-server.conf')], { env, stdio: 'pipe' });
  t.doesNotThrow(checked, 'deploy/nats-server.conf');
}
