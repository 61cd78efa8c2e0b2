import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { clusterConfig } from '../cluster.config.ts';
import { startNats } from '../scripts/nats-cluster.ts';
import { localConsoles } from './console.ts';
import { untilStopped } from './lifetime.ts';
import { limitsOf } from './limits.ts';
import { parseOptions, textOf, UsageError, wholeNumber } from './options.ts';
import { openSecret } from './secret.ts';
import type { Terminal } from './terminal.ts';
import { tracesHelp, tracesOf, tracesOptions } from './traces.ts';

export const clusterHelp = `ringpost cluster: nodes and nats-servers on this machine, each a process of its own.

  --nodes N              how many nodes (${clusterConfig.nodes})
  --nats 1|3             how many nats-servers, each with a copy of the journal (${clusterConfig.natsServers})
  --port N               the first node's port, the others take the next ones (${clusterConfig.port})
  --data FOLDER          where everything is kept (${clusterConfig.dataFolder}/cluster)
  --metrics-port N       where Prometheus finds the first node's GET /metrics, the others' on the next ones (off)
  --admin-port N         where the first node's admin console connects, the others' on the next ones (off)
${tracesHelp}  --no-restart           leave a node that died dead
  --set PART.BOUND=N     changes a limit of all nodes; may be given often
  --help                 this text
`;

/** Where a checkout and an installed package alike have the launcher, seen from dist/commands. */
const launcher = fileURLToPath(new URL('../../bin/ringpost.js', import.meta.url));
/** A node that dies is started again after this long, ms. */
const restart_ms = 2_000;
const stop_wait_ms = 30_000;

interface ClusterNode {
  readonly name: string;
  readonly args: readonly string[];
  child: ChildProcess | undefined;
}

const clusterOptions = {
  nodes: { type: 'string' },
  nats: { type: 'string' },
  port: { type: 'string' },
  data: { type: 'string' },
  'metrics-port': { type: 'string' },
  'admin-port': { type: 'string' },
  ...tracesOptions,
  'no-restart': { type: 'boolean' },
  set: { type: 'string', multiple: true },
} as const;

/** Runs until a signal. */
export async function cluster(args: readonly string[], terminal: Terminal): Promise<number> {
  const { options } = parseOptions(args, clusterOptions);
  const servers = wholeNumber(options, 'nats', clusterConfig.natsServers, 1, 3);
  if (servers === 2) throw new UsageError('--nats takes 1 or 3: two servers have no majority when one is down.');
  const count = wholeNumber(options, 'nodes', clusterConfig.nodes, 1, 9);
  const port = wholeNumber(options, 'port', clusterConfig.port, 1, 65_535 - count);
  const dataFolder = textOf(options, 'data', join(clusterConfig.dataFolder, 'cluster'));
  const metricsPort = wholeNumber(options, 'metrics-port', 0, 1, 65_535 - count);
  limitsOf(options);
  const traces = tracesOf(options);
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  openSecret(join(dataFolder, 'secret'));
  const consoles = localConsoles(options, dataFolder, count);
  terminal.say(`Starting ${servers} nats-server${servers === 1 ? '' : 's'} …`);
  const nats = await startNats({ servers: servers === 1 ? 1 : 3, folder: join(dataFolder, 'nats') });
  const nodes = Array.from({ length: count }, (_, i): ClusterNode => {
    const name = `n${i + 1}`;
    const set = ((options.set as readonly string[] | undefined) ?? []).flatMap((setting) => ['--set', setting]);
    const metrics = metricsPort === 0 ? [] : ['--metrics-port', String(metricsPort + i)];
    const where = [
      '--port',
      String(port + i),
      '--data',
      join(dataFolder, name),
      '--secret',
      join(dataFolder, 'secret'),
      '--files',
      join(dataFolder, 'files'),
    ];
    const journal = ['--nats', nats.urls.join(','), '--replicas', String(servers)];
    return {
      name,
      args: [
        'node',
        name,
        '--end-with-parent',
        '--private-targets',
        '--advertise',
        'own',
        ...where,
        ...journal,
        ...metrics,
        ...(traces === undefined ? [] : ['--traces', traces.url, '--trace-share', String(traces.share)]),
        ...consoles.of(i),
        ...set,
      ],
      child: undefined,
    };
  });
  let stopping = false;
  const restart = options['no-restart'] !== true;
  const close = async (): Promise<void> => {
    stopping = true;
    await Promise.all(nodes.map(stopNode));
    await nats.stop();
  };
  try {
    await Promise.all(nodes.map((node) => startNode(node, terminal, restart, () => stopping)));
  } catch (error) {
    await close();
    throw error;
  }
  terminal.say(`${welcome(nodes, nats, port)}\n${consoles.words}\nCtrl-C stops all.`);
  return untilStopped(close, terminal.tell);
}

function welcome(
  nodes: readonly ClusterNode[],
  nats: { readonly urls: readonly string[]; readonly servers: readonly { name: string; pid: number | undefined }[] },
  port: number,
): string {
  const urls = nodes.map((_, i) => `http://127.0.0.1:${port + i}`).join(',');
  const pids = [
    ...nodes.map(({ name, child }) => `${name} ${child?.pid}`),
    ...nats.servers.map(({ name, pid }) => `${name} ${pid}`),
  ];
  return `
The cluster is up. Processes: ${pids.join(', ')}.

In two more terminals, in this folder, type

  npx ringpost chat alice --to bob --url ${urls}
  npx ringpost chat bob --to alice --url ${urls}

and kill -9 any one process while you talk. To empty a node first, so that nobody notices (--undo fills it again):

  npx ringpost drain n2 --nats ${nats.urls[0]}`;
}

/** Resolves when the node says that it is up. */
function startNode(node: ClusterNode, terminal: Terminal, restart: boolean, stopping: () => boolean): Promise<void> {
  const nodeArgs = (process.env.RINGPOST_NODE_ARGS ?? '').split(' ').filter((arg) => arg !== '');
  const child = spawn(process.execPath, ['--enable-source-maps', ...nodeArgs, launcher, ...node.args], {
    // A group of its own: Ctrl-C reaches this process alone, which then stops the others in order.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  node.child = child;
  process.once('exit', () => child.kill('SIGKILL'));
  if (child.stderr) createInterface({ input: child.stderr }).on('line', terminal.tell);
  return new Promise((resolve, reject) => {
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        terminal.say(line);
        resolve();
      });
    }
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      node.child = undefined;
      const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
      reject(new Error(`${node.name} ${how}`));
      if (stopping()) return;
      terminal.tell(
        `${node.name} ${how}; the others take over its actors.${restart ? ' It will be started again.' : ''}`,
      );
      if (!restart) return;
      setTimeout(() => {
        if (!stopping()) startNode(node, terminal, restart, stopping).catch((error) => terminal.tell(String(error)));
      }, restart_ms).unref();
    });
  });
}

async function stopNode(node: ClusterNode): Promise<void> {
  const { child } = node;
  if (child === undefined) return;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), stop_wait_ms);
  await ended;
  clearTimeout(late);
}
