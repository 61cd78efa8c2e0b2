/** `ringpost`: the composition root and the dispatcher of its commands. */
import { UsageError } from './commands/options.ts';
import { processTerminal, type Terminal } from './commands/terminal.ts';

const help = `ringpost: a messenger of your own.

  ringpost start         the whole of it in one process (npm start)
  ringpost chat NAME     talk in the terminal as NAME
  ringpost cluster       three nodes and three nats-servers on this machine (npm run cluster)
  ringpost node NAME     one node of a cluster
  ringpost drain NAME    empties a node of a running cluster
  ringpost backup DIR    all that a cluster keeps, into a folder, while it runs
  ringpost restore DIR   a cluster out of such a folder
  ringpost admin         sees a running cluster, and steers it

  ringpost COMMAND --help tells more.
`;

interface Command {
  readonly help: string;
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** Each loads what it needs when it is asked for, and no more: those that only ask a node are typed often. */
const commands: { readonly [name: string]: (() => Promise<Command>) | undefined } = {
  start: () => import('./commands/start.ts').then(({ start: run, startHelp: help }) => ({ help, run })),
  cluster: () => import('./commands/cluster.ts').then(({ cluster: run, clusterHelp: help }) => ({ help, run })),
  node: () => import('./commands/node.ts').then(({ node: run, nodeHelp: help }) => ({ help, run })),
  drain: () => import('./commands/drain.ts').then(({ drain: run, drainHelp: help }) => ({ help, run })),
  backup: () => import('./commands/backup.ts').then(({ backup: run, backupHelp: help }) => ({ help, run })),
  restore: () => import('./commands/backup.ts').then(({ restore: run, restoreHelp: help }) => ({ help, run })),
  admin: () => import('./commands/admin.ts').then(({ admin: run, adminHelp: help }) => ({ help, run })),
};

/** Runs one command line; answers the exit code: 0 well, 1 failed, 2 not understood. */
export async function run(argv: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  const [name = '', ...args] = argv;
  // It reads its own options, and has its own words for what it does not understand.
  if (name === 'chat') return (await import('./client/chat/index.ts')).runChat(args);
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) {
    const asked = name === '' || name === '--help' || name === 'help' || name === '-h';
    if (asked) terminal.say(help);
    else terminal.tell(`ringpost has no command "${name}".\n\n${help}`);
    return asked ? 0 : 2;
  }
  return carryOut(name, await load(), args, terminal);
}

async function carryOut(name: string, command: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    terminal.say(command.help);
    return 0;
  }
  try {
    return await command.run(args, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.tell(`${error.message}\nringpost ${name} --help tells what there is.`);
      return 2;
    }
    terminal.tell(failure(error));
    return 1;
  }
}

function failure(error: unknown): string {
  const { code, port, message } = error as { code?: unknown; port?: unknown; message?: unknown };
  if (code === 'EADDRINUSE') return `Port ${String(port)} is taken by another program; choose one with --port.`;
  if (code === 'ENOSPC')
    return `The disk is full: ${String(message)}. Make room and start again; nothing accepted is lost.`;
  if (code === 'EACCES') return `No permission: ${String(message)}.`;
  return error instanceof Error ? error.message : String(error);
}
