/**
 * Finds a nats-server that is new enough, in this order: the environment's NATS_SERVER, the PATH, the project's
 * `.nats-server/` folder, the mirror of the distribution (Debian and Ubuntu). A fetch keeps all its state inside the
 * project: nothing is installed system-wide, and no root is needed. `node dist/scripts/nats-server.js` prints the path.
 */
import { execFile } from 'node:child_process';
import { constants, existsSync, realpathSync } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const limits = {
  version_wait_ms_max: 10_000,
  apt_wait_ms_max: 180_000,
  lock_wait_ms_max: 300_000,
  lock_poll_ms: 250,
  /** A lock whose owner cannot be told dead (another container, say) counts as left behind after this long. */
  lock_age_ms_max: 600_000,
  /** Between making the lock and writing the owner into it a process may be paused; only then is it taken for dead. */
  lock_unnamed_age_ms_max: 10_000,
  mirrors_tried_max: 3,
};

const OLDEST = { major: 2, minor: 12 };

const WHY_NOT_OLDER =
  `Ringpost needs nats-server ${OLDEST.major}.${OLDEST.minor} or newer: an older one (Debian 12 has 2.9.10) can ` +
  'accept two writers on one conditional append, so two owners could both write to a partition';

/** A nats-server that has been run once to read its version, e.g. `2.15.1`. */
export interface NatsServer {
  path: string;
  version: string;
}

/** One entry of apt's sources, as far as finding the distribution's mirror goes. */
export interface AptSource {
  uris: string[];
  suites: string[];
  components: string[];
  signedBy: string | undefined;
}

interface Distribution {
  name: 'debian' | 'ubuntu';
  codename: string | undefined;
  components: string;
  keyring: string;
  /** Tried in this order. */
  newerSuites: readonly string[];
}

function say(line: string): void {
  process.stderr.write(`nats-server: ${line}\n`);
}

/** Reads `2.15.1` out of `nats-server: v2.15.1`; undefined when the text holds no version. */
export function parseVersion(text: string): string | undefined {
  return /\bv?(\d+\.\d+\.\d+)(?!\d)/.exec(text)?.[1];
}

/** Whether a version such as `2.15.1` is one Ringpost can trust with conditional appends. */
export function newEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor);
}

/** The enabled binary entries of a one-line style file: `deb [signed-by=...] URI suite component...`. */
export function parseOneLineSources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const entry = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    const [, options = '', uri, suite, components = ''] = entry ?? [];
    if (uri === undefined || suite === undefined) continue;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    sources.push({ uris: [uri], suites: [suite], components: words(components), signedBy });
  }
  return sources;
}

/** The enabled binary stanzas of a deb822 file (`*.sources`). */
export function parseDeb822Sources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  // A comment line may stand in the middle of a stanza, so comments go before the text is cut at empty lines.
  const bare = text.replace(/^#.*\n?/gm, '');
  for (const stanza of bare.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    for (const field of stanza.replace(/\n[ \t]+/g, ' ').split('\n')) {
      const [, name, value] = /^([\w-]+)\s*:\s*(.*)$/.exec(field) ?? [];
      if (name !== undefined && value !== undefined) fields.set(name.toLowerCase(), value.trim());
    }
    const list = (name: string): string[] => words(fields.get(name) ?? '');
    if (!list('types').includes('deb') || /^(no|false|off|0)$/i.test(fields.get('enabled') ?? 'yes')) continue;
    sources.push({
      uris: list('uris'),
      suites: list('suites'),
      components: list('components'),
      signedBy: fields.get('signed-by'),
    });
  }
  return sources;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/**
 * The mirrors that carry the distribution itself, likeliest first. Third parties use the same suite names, so an entry
 * that names the distribution's keyring or ends in its name goes first; a wrong guess fails on its signature.
 */
export function distributionMirrors(sources: AptSource[], name: string, codename: string | undefined): string[] {
  const own = new Set([codename, 'stable', 'oldstable', 'testing', 'unstable', 'sid', 'devel']);
  const ranked: { uri: string; rank: number }[] = [];
  for (const source of sources) {
    if (!source.components.includes('main') || !source.suites.some((suite) => own.has(suite))) continue;
    const ownKey = source.signedBy?.includes(`${name}-archive`) === true ? 2 : 0;
    for (const uri of source.uris) {
      if (uri.startsWith('cdrom:')) continue;
      ranked.push({ uri, rank: ownKey + (new RegExp(`/${name}(-ports)?/?$`).test(uri) ? 1 : 0) });
    }
  }
  ranked.sort((a, b) => b.rank - a.rank);
  return [...new Set(ranked.map((mirror) => mirror.uri))].slice(0, limits.mirrors_tried_max);
}

/**
 * Finds nats-server, fetching it the first time. Safe to call from several processes at once.
 * Throws an Error whose message says what to do when there is none to be had.
 */
export async function findNatsServer(): Promise<NatsServer> {
  const named = process.env.NATS_SERVER;
  if (named !== undefined && named !== '') return namedServer(resolve(named));

  const own = join(projectFolder(), '.nats-server');
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of [...folders, own]) {
    const server = await serverAt(join(folder, 'nats-server'));
    if (server !== undefined) return server;
  }
  return fetchOnce(own);
}

async function versionOf(path: string): Promise<string> {
  const { stdout } = await run(path, ['--version'], { timeout: limits.version_wait_ms_max });
  const version = parseVersion(stdout);
  if (version === undefined) throw new Error(`${path} --version printed no version`);
  return version;
}

async function namedServer(path: string): Promise<NatsServer> {
  const version = await versionOf(path).catch((error: unknown) => {
    throw new Error(`NATS_SERVER names ${path}, which cannot be run: ${reason(error)}`);
  });
  if (!newEnough(version)) throw new Error(`NATS_SERVER names ${path}, version ${version}, too old. ${WHY_NOT_OLDER}.`);
  return { path, version };
}

/** The server at a path nobody insists on: one that will not do is passed over with a word. */
async function serverAt(path: string): Promise<NatsServer | undefined> {
  try {
    await access(path, constants.X_OK);
  } catch {
    return undefined;
  }
  try {
    const version = await versionOf(path);
    if (newEnough(version)) return { path, version };
    say(`passing over ${path}, version ${version}, too old. ${WHY_NOT_OLDER}.`);
  } catch (error) {
    say(`passing over ${path}, which cannot be run: ${reason(error)}`);
  }
  return undefined;
}

/** The folder of package.json: this file runs as scripts/*.ts under a loader and as dist/scripts/*.js when built. */
function projectFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error('nats-server: no package.json above this script');
    folder = above;
  }
  return folder;
}

/** One process fetches, the others wait for its result. */
async function fetchOnce(folder: string): Promise<NatsServer> {
  const distribution = await thisDistribution();
  await mkdir(folder, { recursive: true });
  const lock = join(folder, 'lock');
  const deadline = Date.now() + limits.lock_wait_ms_max;
  while (!(await takeLock(lock))) {
    if (Date.now() > deadline) throw new Error(`another process held ${lock} too long; remove it if none is fetching`);
    await sleep(limits.lock_poll_ms);
  }
  try {
    // The process that held the lock before has most likely fetched it.
    return (await serverAt(join(folder, 'nats-server'))) ?? (await fetchServer(folder, distribution));
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

/** A lock that two processes break at once costs a second fetch, no more: each fetch has a folder of its own. */
async function takeLock(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
    await writeFile(join(lock, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if (await leftBehind(lock)) await rm(lock, { recursive: true, force: true });
  return false;
}

async function leftBehind(lock: string): Promise<boolean> {
  try {
    const age = Date.now() - (await stat(lock)).mtimeMs;
    if (age > limits.lock_age_ms_max) return true;
    const pid = Number(await readFile(join(lock, 'pid'), 'utf8').catch(() => ''));
    if (pid === 0) return age > limits.lock_unnamed_age_ms_max;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function thisDistribution(): Promise<Distribution> {
  const byHand = `install ${OLDEST.major}.${OLDEST.minor} or newer and put it on the PATH or in NATS_SERVER`;
  if (process.platform === 'darwin') throw new Error('nats-server is missing: run `brew install nats-server`');
  const release = new Map<string, string>();
  for (const line of (await readFile('/etc/os-release', 'utf8').catch(() => '')).split('\n')) {
    const [, name, value] = /^(\w+)="?([^"]*)"?$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) release.set(name, value);
  }
  const family = [release.get('ID') ?? '', ...words(release.get('ID_LIKE') ?? '')];
  const name = family.find((id) => id === 'debian' || id === 'ubuntu');
  if (name === undefined) throw new Error(`nats-server is missing: ${byHand}`);

  const keyring = ['gpg', 'pgp'].map((end) => `/usr/share/keyrings/${name}-archive-keyring.${end}`).find(existsSync);
  if (keyring === undefined) {
    throw new Error(`nats-server is missing, and so is ${name}-archive-keyring to check a package with: ${byHand}`);
  }
  const codename = release.get(`${name.toUpperCase()}_CODENAME`) ?? release.get('VERSION_CODENAME');
  return name === 'debian'
    ? { name, codename, components: 'main', keyring, newerSuites: ['testing', 'sid'] }
    : { name: 'ubuntu', codename, components: 'main universe', keyring, newerSuites: ['resolute', 'devel'] };
}

async function fetchServer(folder: string, distribution: Distribution): Promise<NatsServer> {
  const mirrors = distributionMirrors(await aptSources(), distribution.name, distribution.codename);
  const failures = mirrors.length === 0 ? [`apt's sources name no ${distribution.name} mirror`] : [];
  await mkdir(join(folder, 'apt'), { recursive: true });
  await sweep(join(folder, 'apt'));
  for (const mirror of mirrors) {
    for (const suite of distribution.newerSuites) {
      say(`none here is new enough; fetching it from ${distribution.name} ${suite}, on the mirror apt is set up with`);
      const work = await mkdtemp(join(folder, 'apt', 'fetch-'));
      try {
        const server = await fetchFrom({ mirror, suite, work, distribution });
        const path = join(folder, 'nats-server');
        await rename(server.path, path);
        say(`version ${server.version} is now at ${path}`);
        return { path, version: server.version };
      } catch (error) {
        failures.push(`${suite}: ${reason(error)}`);
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    }
  }
  throw new Error(
    `nats-server could not be fetched (${failures.join('; ')}). ` +
      `Install ${OLDEST.major}.${OLDEST.minor} or newer and put it on the PATH or in NATS_SERVER.`,
  );
}

/** Removes what fetches left that were killed half-way. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const age = Date.now() - (await stat(path)).mtimeMs;
    if (age > limits.lock_age_ms_max) await rm(path, { recursive: true, force: true });
  }
}

async function aptSources(): Promise<AptSource[]> {
  const parts = '/etc/apt/sources.list.d';
  const names = await readdir(parts).catch((): string[] => []);
  const sources: AptSource[] = [];
  for (const path of ['/etc/apt/sources.list', ...names.sort().map((name) => join(parts, name))]) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (path.endsWith('.list')) sources.push(...parseOneLineSources(text));
    if (path.endsWith('.sources')) sources.push(...parseDeb822Sources(text));
  }
  return sources;
}

interface Fetch {
  mirror: string;
  suite: string;
  /** An empty folder for this fetch alone. */
  work: string;
  distribution: Distribution;
}

/** Downloads the package, unpacks it under `work`, and runs it once: a binary of a newer suite might not start here. */
async function fetchFrom(fetch: Fetch): Promise<NatsServer> {
  const config = await writeAptConfig(fetch);
  await apt(fetch, ['-c', config, 'update']);
  await apt(fetch, ['-c', config, 'download', 'nats-server']);
  const file = (await readdir(fetch.work)).find((name) => name.endsWith('.deb')) ?? 'missing.deb';
  const tree = join(fetch.work, 'tree');
  await run('dpkg-deb', ['-x', join(fetch.work, file), tree], { timeout: limits.apt_wait_ms_max });
  const path = ['bin', 'sbin'].map((folder) => join(tree, 'usr', folder, 'nats-server')).find(existsSync);
  if (path === undefined) throw new Error('the package holds no nats-server');
  const version = await versionOf(path);
  if (!newEnough(version)) throw new Error(`it has ${version}, too old`);
  return { path, version };
}

/**
 * Given with `-c`, the file is read after the machine's own apt.conf and apt.conf.d: proxies set there hold, while the
 * state moves into `work` and the hooks (appstream and container images set some) stay out.
 */
async function writeAptConfig({ mirror, suite, work, distribution }: Fetch): Promise<string> {
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'sources', 'none']) {
    await mkdir(join(work, folder), { recursive: true });
  }
  await writeFile(join(work, 'status'), '');
  const architecture = (await run('dpkg', ['--print-architecture'])).stdout.trim();
  const source =
    `Types: deb\nURIs: ${mirror}\nSuites: ${suite}\nComponents: ${distribution.components}\n` +
    `Architectures: ${architecture}\nSigned-By: ${distribution.keyring}\n` +
    'Targets: Packages\nLanguages: none\nPDiffs: no\n';
  // A mirror's address may hold a password.
  await writeFile(join(work, 'sources', 'newer.sources'), source, { mode: 0o600 });
  const config = [
    `Dir::State "${join(work, 'state')}";`,
    `Dir::State::status "${join(work, 'status')}";`,
    `Dir::Cache "${join(work, 'cache')}";`,
    'Dir::Etc::sourcelist "/dev/null";',
    `Dir::Etc::sourceparts "${join(work, 'sources')}";`,
    'Dir::Etc::preferences "/dev/null";',
    `Dir::Etc::preferencesparts "${join(work, 'none')}";`,
    // As root, apt would otherwise download as a user who may not write into the project.
    'APT::Sandbox::User "root";',
    'APT::Get::AllowUnauthenticated "false";',
    'APT::Update::Error-Mode "any";',
    'Acquire::Retries "2";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
    ...['Pre-Invoke', 'Post-Invoke', 'Post-Invoke-Success'].map((hook) => `#clear APT::Update::${hook};`),
  ];
  const path = join(work, 'apt.conf');
  await writeFile(path, `${config.join('\n')}\n`);
  return path;
}

async function apt({ work, suite, distribution }: Fetch, args: string[]): Promise<void> {
  try {
    const env = { ...process.env, LC_ALL: 'C' };
    await run('apt-get', ['-q', ...args], { cwd: work, env, timeout: limits.apt_wait_ms_max, maxBuffer: 16 << 20 });
  } catch (error) {
    const said = reason(error);
    if (!/NO_PUBKEY|not signed|couldn't be verified|EXPKEYSIG|Missing key/.test(said)) throw error;
    throw new Error(
      `the signature of ${suite} cannot be checked with ${distribution.keyring}, which may be older than the suite's ` +
        `key: upgrade the package ${distribution.name}-archive-keyring`,
    );
  }
}

/** The lines that matter of a failed command, or the error's own words; never the password in a mirror's address. */
function reason(error: unknown): string {
  const { stderr = '', message } = error as Error & { stderr?: string };
  const lines = stderr.split('\n').filter((line) => /^[EW]: /.test(line));
  return (lines.join(' ') || message).replace(/\/\/[^\s/@]+@/g, '//');
}

const program = process.argv[1];
if (program !== undefined && existsSync(program) && realpathSync(program) === fileURLToPath(import.meta.url)) {
  try {
    process.stdout.write(`${(await findNatsServer()).path}\n`);
  } catch (error) {
    say(reason(error));
    process.exitCode = 1;
  }
}
