import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clusterConfig } from '../cluster.config.ts';
import { embeddedPorts } from '../runtime/io/index.ts';
import { consoleHelp, consoleOf, consoleOptions } from './console.ts';
import { filesHelp, filesOptions, openFiles } from './files.ts';
import { untilStopped } from './lifetime.ts';
import { limitsOf } from './limits.ts';
import { metricsAt, metricsHelp, metricsOf, metricsOptions } from './metrics.ts';
import { outwardHelp, outwardOf, outwardOptions, parseOptions, textOf, wholeNumber } from './options.ts';
import { openSecret } from './secret.ts';
import { openLog, openServer } from './server.ts';
import type { Terminal } from './terminal.ts';
import { tracesHelp, tracesOf, tracesOptions } from './traces.ts';

export const startHelp = `ringpost start: the whole of Ringpost in one process, with no server beside it.

  --port N               where clients connect (${clusterConfig.port}; 0 takes a free port)
  --host ADDRESS         which interface to listen on (${clusterConfig.host})
  --data FOLDER          where everything is kept (${clusterConfig.dataFolder}/embedded)
${filesHelp('FOLDER/files')}
${outwardHelp}${consoleHelp}${metricsHelp}${tracesHelp}  --set PART.BOUND=N     changes a limit; PART is runtime, gateway or messenger; may be given often
  --help                 this text
`;

/** Runs until a signal. */
export async function start(args: readonly string[], terminal: Terminal): Promise<number> {
  const { options } = parseOptions(args, {
    port: { type: 'string' },
    host: { type: 'string' },
    data: { type: 'string' },
    ...filesOptions,
    set: { type: 'string', multiple: true },
    ...outwardOptions,
    ...consoleOptions,
    ...metricsOptions,
    ...tracesOptions,
  });
  const dataFolder = textOf(options, 'data', join(clusterConfig.dataFolder, 'embedded'));
  const port = wholeNumber(options, 'port', clusterConfig.port, 0, 65_535);
  const limits = limitsOf(options);
  const admin = consoleOf(options, true);
  const metrics = metricsOf(options);
  const traces = tracesOf(options);
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const { partitions } = clusterConfig;
  const log = openLog(dataFolder, terminal.tell);
  const ports = await embeddedPorts({ node: 'solo', partitions, dataFolder, log });
  const files = await openFiles(options, join(dataFolder, 'files'));
  const server = await openServer({
    ports,
    limits,
    partitions,
    settleMs: 0,
    host: textOf(options, 'host', clusterConfig.host),
    port,
    dataFolder,
    ...outwardOf(options),
    console: admin && { ...admin, backup: { kind: 'none', why: noBackup(dataFolder) } },
    metrics,
    traces,
    secret: openSecret(join(dataFolder, 'secret')),
    advertise: '',
    files,
  });
  const at = port === clusterConfig.port ? '' : ` --url ${server.url}`;
  terminal.say(`Ringpost is up at ${server.url}, keeping its data in ${dataFolder}.${metricsAt(server.metricsUrl)}

Talk to yourself: in two more terminals, in this folder, type

  npx ringpost chat alice --to bob${at}
  npx ringpost chat bob --to alice${at}

${server.admin === '' ? '' : `Operate it: npx ringpost admin nodes --node ${server.admin}\n\n`}Ctrl-C stops it.`);
  return untilStopped(() => server.close(), terminal.tell, server.unfit);
}

function noBackup(dataFolder: string): string {
  return `this is one process alone, and all it keeps is in ${dataFolder}: stop it, copy that folder, start it again`;
}
