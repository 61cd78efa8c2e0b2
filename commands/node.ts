import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clusterConfig } from '../cluster.config.ts';
import { natsPorts } from '../runtime/io/index.ts';
import { nodesBackup } from './backup-pieces.ts';
import { consoleHelp, consoleOf, consoleOptions } from './console.ts';
import { filesHelp, filesOptions, openFiles } from './files.ts';
import { untilStopped } from './lifetime.ts';
import { limitsOf } from './limits.ts';
import { metricsAt, metricsHelp, metricsOf, metricsOptions } from './metrics.ts';
import {
  type Options,
  outwardHelp,
  outwardOf,
  outwardOptions,
  parseOptions,
  textOf,
  UsageError,
  wholeNumber,
} from './options.ts';
import { openSecret } from './secret.ts';
import { openLog, openServer } from './server.ts';
import type { Terminal } from './terminal.ts';
import { tracesHelp, tracesOf, tracesOptions } from './traces.ts';

export const nodeHelp = `ringpost node NAME: one node of a cluster; nats-server 2.12 or later must be running.

  NAME                   unique in the cluster: lower-case letters, digits and -
  --nats URL[,URL...]    the nats-servers (nats://127.0.0.1:4222)
  --cluster NAME         names the streams and subjects in NATS (${clusterConfig.name})
  --replicas 1|3|5       copies of the journal, on as many nats-servers (${clusterConfig.replicas})
  --secret FILE          the key that signs tokens, the same on all nodes (made at the first start)
  --port N               where clients connect (${clusterConfig.port}; 0 takes a free port)
  --host ADDRESS         which interface to listen on (${clusterConfig.host})
  --advertise URL        where clients reach this very node, or "own" for where it listens: they are told to prefer the node
                         that their account lives on (not told)
  --data FOLDER          this node's own folder (${clusterConfig.dataFolder}/NAME)
${filesHelp('none: without it there are no files; all nodes need the same place')}
${outwardHelp}${consoleHelp}${metricsHelp}${tracesHelp}  --set PART.BOUND=N     changes a limit; PART is runtime, gateway or messenger; may be given often
  --end-with-parent      stop when standard input ends: for programs that start nodes
  --help                 this text
`;

/** Runs until a signal. */
export async function node(args: readonly string[], terminal: Terminal): Promise<number> {
  const { options, words } = parseOptions(
    args,
    {
      nats: { type: 'string' },
      cluster: { type: 'string' },
      replicas: { type: 'string' },
      secret: { type: 'string' },
      port: { type: 'string' },
      host: { type: 'string' },
      advertise: { type: 'string' },
      data: { type: 'string' },
      ...filesOptions,
      set: { type: 'string', multiple: true },
      ...outwardOptions,
      ...consoleOptions,
      ...metricsOptions,
      ...tracesOptions,
      'end-with-parent': { type: 'boolean' },
    },
    1,
  );
  const [name] = words;
  if (name === undefined) throw new UsageError('A node needs a NAME: ringpost node n1');
  const dataFolder = textOf(options, 'data', join(clusterConfig.dataFolder, name));
  const limits = limitsOf(options);
  const [admin, watched] = [consoleOf(options, false), { metrics: metricsOf(options), traces: tracesOf(options) }];
  const port = wholeNumber(options, 'port', clusterConfig.port, 0, 65_535);
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const { partitions } = clusterConfig;
  const secret = openSecret(textOf(options, 'secret', join(dataFolder, 'secret')));
  const where = placeOf(name, options);
  const ports = await natsPorts({
    ...where,
    replicas: wholeNumber(options, 'replicas', clusterConfig.replicas, 1, 5),
    partitions,
    dataFolder,
    log: openLog(dataFolder, (line) => terminal.tell(`${name}: ${line}`)),
  });
  const files = await openFiles(options, '');
  const server = await openServer({
    ports,
    limits,
    partitions,
    settleMs: limits.runtime.suspect_ms,
    host: textOf(options, 'host', clusterConfig.host),
    port,
    dataFolder,
    ...outwardOf(options),
    console: admin && { ...admin, backup: nodesBackup({ ...where, log: ports.log }) },
    ...watched,
    secret,
    advertise: textOf(options, 'advertise', ''),
    files,
  });
  if (options['end-with-parent'] === true) {
    const { stdin } = process;
    stdin.once('end', () => process.kill(process.pid, 'SIGTERM')).resume();
    // Listening to it must not keep a node alive that has stopped. A pipe or a terminal is a socket, a file is not.
    if ('unref' in stdin) stdin.unref();
  }
  terminal.say(
    `${name} is up at ${server.url}, with ${server.node.owned.length} of ${partitions} partitions.${adminWords(server)}${metricsAt(server.metricsUrl)}`,
  );
  return untilStopped(
    () => server.close(),
    (line) => terminal.tell(`${name}: ${line.trim()}`),
    server.unfit,
  );
}

/** Where in NATS what is kept. */
function placeOf(node: string, options: Options) {
  const cluster = textOf(options, 'cluster', clusterConfig.name);
  return { node, cluster, servers: textOf(options, 'nats', 'nats://127.0.0.1:4222').split(',') };
}

function adminWords({ admin }: { readonly admin: string }): string {
  return admin === '' ? '' : ` The admin console is at ${admin}.`;
}
