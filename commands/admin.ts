/** `ringpost admin`: one thing at a time, for people and for scripts; without a noun the live console. */
import { AdminClient } from '../console/client.ts';
import { actor, actors, letters } from './admin/actors.ts';
import { audit } from './admin/audit.ts';
import { backup } from './admin/backup.ts';
import { drain, nodes, partitions, resume, snapshot } from './admin/cluster.ts';
import { completion } from './admin/completion.ts';
import {
  clientOptionsOf,
  connect,
  connectHelp,
  connectOptions,
  type Errand,
  failed,
  isAdminError,
} from './admin/connect.ts';
import { group, groups } from './admin/groups.ts';
import { move, rebalance } from './admin/moves.ts';
import { reports, trace, user, users } from './admin/users.ts';
import { rebuild, verify } from './admin/verify.ts';
import { events, mail, watchOptions } from './admin/watch.ts';
import { type Options, parseOptions, UsageError } from './options.ts';
import type { Terminal } from './terminal.ts';

interface Noun {
  /** What it takes, and what it does: for people. */
  readonly usage: string;
  readonly help: string;
  /** Words after it that are not options. */
  readonly words: number;
  /** For completion. */
  readonly verbs?: readonly string[];
  run(errand: Errand): Promise<number>;
}

const nouns: { readonly [noun: string]: Noun | undefined } = {
  nodes: { usage: '', help: 'all nodes, and those that were lost', words: 0, run: nodes },
  partitions: { usage: '[NUMBER]', help: 'all partitions, or one with its channels', words: 1, run: partitions },
  events: { usage: '', help: 'what has happened; --follow, --since TIME (1h)', words: 0, run: events },
  mail: {
    usage: '',
    help: 'some of the mail; --kind KIND, --partition NUMBER, --share 0.01, --seconds 10',
    words: 0,
    run: mail,
  },
  drain: { usage: 'NODE', help: 'empties a node; --wait SECONDS (60)', words: 1, run: drain },
  resume: { usage: 'NODE', help: 'it takes its share again', words: 1, run: resume },
  snapshot: { usage: 'NUMBER', help: 'folds the journal of a partition now', words: 1, run: snapshot },
  move: {
    usage: 'NUMBER NODE',
    help: 'a partition goes to a node, and stays; --wait SECONDS (60)',
    words: 2,
    run: move,
  },
  rebalance: { usage: '', help: 'the ring decides again: forgets all moves', words: 0, run: rebalance },
  backup: { usage: 'FOLDER', help: 'all that the cluster keeps, into a new folder', words: 1, run: backup },
  verify: {
    usage: 'NUMBER | --all',
    help: 'replays a partition, and compares it with its owner',
    words: 1,
    run: verify,
  },
  rebuild: { usage: 'NUMBER', help: 'its owner builds a partition anew', words: 1, run: rebuild },
  actors: { usage: '[KIND[/PREFIX]]', help: 'awake and asleep; --partition NUMBER', words: 1, run: actors },
  actor: { usage: 'KIND/KEY [TABLE]', help: 'one actor, or the rows of one of its tables', words: 2, run: actor },
  'dead-letters': {
    usage: '[list | show ID | replay ID | drop ID]',
    help: 'mails whose turns threw',
    words: 2,
    verbs: ['list', 'show', 'replay', 'drop'],
    run: letters,
  },
  users: { usage: '[PREFIX]', help: 'by the beginning of their name', words: 1, run: users },
  user: {
    usage: 'NAME [revoke DEVICE | deactivate]',
    help: 'one user with its devices; ends a session, or the account',
    words: 3,
    verbs: ['revoke', 'deactivate'],
    run: user,
  },
  groups: { usage: '[PREFIX]', help: 'by the beginning of their id', words: 1, run: groups },
  group: { usage: 'ID', help: 'one group: its size, roles and modes', words: 1, run: group },
  reports: { usage: '', help: 'what users have reported', words: 0, run: reports },
  trace: { usage: 'SENDER ID', help: 'what became of a message', words: 2, run: trace },
  audit: {
    usage: '[list | verify | export FILE | trim NUMBER:HASH]',
    help: 'what operators have changed; --noted NUMBER:HASH, --from FILE',
    words: 2,
    verbs: ['list', 'verify', 'export', 'trim'],
    run: audit,
  },
};

export const adminHelp = `ringpost admin: sees a running cluster, and steers it. Any node answers for all.

  ${'(nothing)'.padEnd(52)} the live console: all at a glance, ? for its keys
${Object.entries(nouns)
  .map(([noun, known]) => `  ${`${noun} ${known?.usage ?? ''}`.trimEnd().padEnd(52)} ${known?.help ?? ''}`)
  .join('\n')}
  ${'completion bash'.padEnd(52)} a script that completes all this in a shell

${connectHelp}  --limit N              of lists (200)
  --help                 this text

Ends with 0 when it is done, 1 when it could not be, 2 for a command line that makes no sense, 3 for what is not there, 4 when
the token or certificate does not let it, 5 when no node answered.
`;

export async function admin(args: readonly string[], terminal: Terminal): Promise<number> {
  const { options, words } = parseOptions(
    args,
    {
      ...connectOptions,
      limit: { type: 'string' },
      partition: { type: 'string' },
      wait: { type: 'string' },
      noted: { type: 'string' },
      ...watchOptions,
      all: { type: 'boolean' },
      from: { type: 'string' },
    },
    4,
  );
  const [name = '', ...rest] = words;
  if (name === 'completion') {
    terminal.say(completion(rest[0], nouns));
    return 0;
  }
  if (name === '') return live(options, terminal);
  const noun = Object.hasOwn(nouns, name) ? nouns[name] : undefined;
  if (noun === undefined) throw new UsageError(`There is no "${name}".`);
  if (rest.length > noun.words) throw new UsageError(`"${rest[noun.words]}" is one word too many.`);
  const client = connect(options);
  try {
    return await noun.run({ client, words: rest, options, terminal, json: options.json === true });
  } catch (error) {
    if (isAdminError(error)) return failed(error, terminal);
    throw error;
  } finally {
    client.close();
  }
}

/** The live console. */
async function live(options: Options, terminal: Terminal): Promise<number> {
  const settings = clientOptionsOf(options);
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    const known = Object.keys(nouns).join(', ');
    terminal.tell(`The live console needs a terminal. For scripts: ringpost admin nodes --json; and ${known}.`);
    return 2;
  }
  // Loaded when asked for: nothing else has a use for a library that draws.
  const { runConsole } = await import('../console/ui/index.ts');
  return runConsole({
    addresses: settings.nodes,
    dial: (address) => new AdminClient({ ...settings, nodes: [address] }),
  });
}
