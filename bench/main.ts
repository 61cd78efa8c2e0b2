/** `npm run bench -- WHAT [options]` */
import { defaultLimits, type Limits } from '../runtime/index.ts';
import { type Endings, withEndings } from '../scripts/endings.ts';
import { workloads } from './actor-load.ts';
import { type ActorFigures, actorBench, type Profile } from './actors.ts';
import { actorTable, groupTable, one2oneTable, plainTable } from './figures.ts';
import { freshFolder } from './folders.ts';
import { groupBench } from './group.ts';
import { idleBench } from './idle.ts';
import { offlineBench } from './offline.ts';
import { one2oneBench } from './one2one.ts';
import {
  BadOption,
  type Given,
  listOf,
  numberOf,
  type OptionTable,
  parse,
  textOf,
  wordOf,
  wordsOf,
} from './options.ts';
import { whyNoProc } from './proc.ts';
import { Profiles } from './profiles.ts';
import { rebuildBench, rebuildTable } from './rebuild.ts';
import { searchBench, searchTable } from './search.ts';

const usage = `Usage: npm run bench -- WHAT --profile embedded|cluster [options]

  actors     the actor runtime alone: durable calls, reads, actor to actor, activations
  one2one    the messenger over WebSocket: messages between pairs of users, from being sent to being read
  group      one group of many members over WebSocket: messages from being sent to their coming to the last member
  idle       connections over WebSocket that say nothing: what they take, and what it takes to open them
  offline    messages that wait for users who are away: until all have them, once these come back
  rebuild    a partition's snapshot: made from the journal, brought up to date, restored to an empty local store
  search     words looked for in the messages of one user: the turns of its actor alone

  npm run bench -- WHAT --help   lists the options of each
bench/README.md says what the figures mean.
`;

const commonUsage = `  --profile embedded|cluster   one process alone, or three nodes and three nats-servers (R3, every append synced)
  --json                       one JSON object a line instead of a table
  --data DIR                   where the data folders of the run are made and removed (default: the system's folder
                               for temporary files); the disk that it lies on is the disk that is measured
  --profile-cpu                take a CPU profile of each node process, and say where it is and how to read it
  --help
`;

const commonOptions: OptionTable = {
  profile: { type: 'string' },
  json: { type: 'boolean' },
  data: { type: 'string' },
  'profile-cpu': { type: 'boolean' },
  set: { type: 'string', multiple: true },
  seconds: { type: 'string' },
  warm: { type: 'string' },
  inflight: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
};

const profiles: readonly Profile[] = ['embedded', 'cluster'];

interface Command {
  readonly usage: string;
  readonly options: OptionTable;
  run(given: Given): Promise<void>;
}

// ---------------------------------------------------------------- actors

const actors: Command = {
  usage: `Usage: npm run bench -- actors --profile embedded|cluster [options]

${commonUsage}
  --workload W,W               some of ${workloads.join(', ')} (default: all)
  --seconds N                  length of each window (default 10)
  --warm N                     seconds before it that don't count (default 3)
  --actors N                   counters that calls go to in turn (default 1000)
  --inflight N                 calls under way at any time (default 256)
  --activations N              counters that never were before (default 100000)
  --partitions N               a power of two (default 32)
  --set BOUND=N                changes a bound of runtime/limits.ts; may be given often
`,
  options: {
    ...commonOptions,
    workload: { type: 'string' },
    actors: { type: 'string' },
    activations: { type: 'string' },
    partitions: { type: 'string' },
  },
  async run(given) {
    const chosen = {
      profile: wordOf(given, 'profile', profiles),
      workloads: wordsOf(given, 'workload', workloads),
      seconds: numberOf(given, 'seconds', 10, { least: 0.1, most: 3_600 }),
      warmSeconds: numberOf(given, 'warm', 3, { least: 0, most: 600 }),
      actors: numberOf(given, 'actors', 1_000, { least: 1, most: 100_000, whole: true }),
      inflight: numberOf(given, 'inflight', 256, { least: 1, most: 16_384, whole: true }),
      activations: numberOf(given, 'activations', 100_000, { least: 1, most: 400_000, whole: true }),
      partitions: numberOf(given, 'partitions', 32, { least: 1, most: 4_096, whole: true }),
      limits: limitsOf(given),
    };
    if (!Number.isInteger(Math.log2(chosen.partitions))) throw new BadOption('--partitions takes a power of two');
    await carryOut(given, async (folder, endings, profiles) => {
      const all: ActorFigures[] = [];
      for await (const figures of actorBench({ ...chosen, folder, profiles }, endings)) {
        all.push(figures);
        if (given.json) sayJson(figures);
        else process.stderr.write(`${figures.workload} done\n`);
      }
      if (!given.json) process.stdout.write(actorTable(all));
    });
  },
};

function limitsOf(given: Given): Partial<Limits> {
  const limits: { [bound: string]: number } = {};
  for (const setting of listOf(given, 'set')) {
    const [, bound = '', value] = /^([a-z_]+)=(\d+)$/.exec(setting) ?? [];
    if (!Object.hasOwn(defaultLimits, bound)) {
      throw new BadOption(`--set takes BOUND=N with a bound of runtime/limits.ts, not ${JSON.stringify(setting)}`);
    }
    limits[bound] = Number(value);
  }
  return limits;
}

// ---------------------------------------------------------------- one2one, group

const talkUsage = `  --inflight N                 messages of each sender under way at any time (default 4)
  --rate N                     instead of that: N messages a second over all senders, due evenly, whatever becomes of
                               those before; a message's time counts from when it was due
  --seconds N                  length of the window (default 20)
  --warm N                     seconds before it that don't count (default 5)
  --set PART.BOUND=N           as for 'ringpost start'; may be given often
`;

/** @throws BadOption */
function talkOf(given: Given) {
  if (given.rate !== undefined && given.inflight !== undefined) {
    throw new BadOption('--rate and --inflight exclude each other: a rate leaves open how many are under way');
  }
  return {
    profile: wordOf(given, 'profile', profiles),
    inflight: numberOf(given, 'inflight', 4, { least: 1, most: 1_000, whole: true }),
    rate: given.rate === undefined ? undefined : numberOf(given, 'rate', 0, { least: 1, most: 1_000_000 }),
    seconds: numberOf(given, 'seconds', 20, { least: 0.1, most: 3_600 }),
    warmSeconds: numberOf(given, 'warm', 5, { least: 0, most: 600 }),
    set: listOf(given, 'set'),
  };
}

const one2one: Command = {
  usage: `Usage: npm run bench -- one2one --profile embedded|cluster [options]

${commonUsage}
  --users N                    an even number; they write in pairs (default 400)
  --metrics                    the servers have an endpoint for Prometheus, which nobody asks
  --trace-share S              the servers follow this share of frames, 0 to 1, and tell a collector (default: no traces at all)
${talkUsage}`,
  options: {
    ...commonOptions,
    users: { type: 'string' },
    rate: { type: 'string' },
    metrics: { type: 'boolean' },
    'trace-share': { type: 'string' },
  },
  async run(given) {
    const users = numberOf(given, 'users', 400, { least: 2, most: 20_000, whole: true });
    if (users % 2 !== 0) throw new BadOption('--users takes an even number: they write in pairs');
    const share = numberOf(given, 'trace-share', 0, { least: 0, most: 1 });
    const traceShare = given['trace-share'] === undefined ? undefined : share;
    const chosen = { ...talkOf(given), users, metrics: given.metrics === true, traceShare };
    await carryOut(given, async (folder, endings, profiles) => {
      const figures = await one2oneBench({ ...chosen, folder, profiles }, endings);
      if (given.json) sayJson(figures);
      else process.stdout.write(one2oneTable(figures));
    });
  },
};

const group: Command = {
  usage: `Usage: npm run bench -- group --profile embedded|cluster [options]

${commonUsage}
  --members N                  of the group, all of them online (default 256)
  --senders N                  how many of them write (default 4)
${talkUsage}  --generators N               processes that the members' clients are in, where one is too slow (default 1)
`,
  options: {
    ...commonOptions,
    members: { type: 'string' },
    senders: { type: 'string' },
    generators: { type: 'string' },
    rate: { type: 'string' },
  },
  async run(given) {
    const chosen = {
      ...talkOf(given),
      members: numberOf(given, 'members', 256, { least: 2, most: 20_000, whole: true }),
      senders: numberOf(given, 'senders', 4, { least: 1, most: 20_000, whole: true }),
      generators: numberOf(given, 'generators', 1, { least: 1, most: 64, whole: true }),
    };
    const { members, senders, generators } = chosen;
    if (members < 2 * generators) throw new BadOption('--generators takes at most half as many as --members');
    if (senders > Math.ceil(members / generators)) {
      throw new BadOption('--senders takes at most the members of one generator: all senders are in the first');
    }
    await carryOut(given, async (folder, endings, profiles) => {
      const figures = await groupBench({ ...chosen, folder, profiles }, endings);
      if (given.json) sayJson(figures);
      else process.stdout.write(groupTable(figures));
    });
  },
};

// ---------------------------------------------------------------- idle, offline

const setUsage = `  --set PART.BOUND=N           as for 'ringpost start'; may be given often
`;

const idle: Command = {
  usage: `Usage: npm run bench -- idle --profile embedded|cluster [options]

${commonUsage}
  --connections N              each of a user of its own (default 1000)
  --seconds N                  length of the window in which nothing is said (default 30)
${setUsage}`,
  options: { ...commonOptions, connections: { type: 'string' } },
  async run(given) {
    const chosen = {
      profile: wordOf(given, 'profile', profiles),
      connections: numberOf(given, 'connections', 1_000, { least: 1, most: 50_000, whole: true }),
      seconds: numberOf(given, 'seconds', 30, { least: 0.1, most: 3_600 }),
      set: listOf(given, 'set'),
    };
    await carryOut(given, async (folder, endings, profiles) => {
      const figures = await idleBench({ ...chosen, folder, profiles }, endings);
      if (given.json) sayJson(figures);
      else process.stdout.write(plainTable(figures));
    });
  },
};

const offline: Command = {
  usage: `Usage: npm run bench -- offline --profile embedded|cluster [options]

${commonUsage}
  --users N                    that are away (default 200)
  --messages N                 that wait for them, over all (default 20000)
${setUsage}`,
  options: { ...commonOptions, users: { type: 'string' }, messages: { type: 'string' } },
  async run(given) {
    const chosen = {
      profile: wordOf(given, 'profile', profiles),
      users: numberOf(given, 'users', 200, { least: 8, most: 10_000, whole: true }),
      messages: numberOf(given, 'messages', 20_000, { least: 8, most: 1_000_000, whole: true }),
      set: listOf(given, 'set'),
    };
    await carryOut(given, async (folder, endings, profiles) => {
      const figures = await offlineBench({ ...chosen, folder, profiles }, endings);
      if (given.json) sayJson(figures);
      else process.stdout.write(plainTable(figures));
    });
  },
};

// ---------------------------------------------------------------- rebuild

const rebuild: Command = {
  usage: `Usage: npm run bench -- rebuild --profile embedded|cluster [options]

  --profile embedded|cluster   the archive and journal of one process, or of three nats-servers (R3, every append synced)
  --mb N                       keys and values of the partition's rows, MB (default 256)
  --json                       one JSON object instead of a table
  --data DIR                   where the data folders of the run are made and removed; it takes six times --mb
  --help
`,
  options: {
    profile: { type: 'string' },
    mb: { type: 'string' },
    json: { type: 'boolean' },
    data: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
  async run(given) {
    const profile = wordOf(given, 'profile', profiles);
    const mb = numberOf(given, 'mb', 256, { least: 1, most: 16_384 });
    await carryOut(given, async (folder, endings) => {
      const figures = await rebuildBench({ profile, mb, folder }, endings);
      if (given.json) sayJson(figures);
      else process.stdout.write(rebuildTable(figures));
    });
  },
};

// ---------------------------------------------------------------- search

const search: Command = {
  usage: `Usage: npm run bench -- search [options]

  --messages N                 that the user has, half of them in groups (default 100000)
  --chars N                    of each message (default 90)
  --rows N                     timeline rows that one turn reads (default: as the messenger's limits have it)
  --json                       one JSON object instead of a table
  --data DIR                   where the data folder of the run is made and removed
  --help
`,
  options: {
    messages: { type: 'string' },
    chars: { type: 'string' },
    rows: { type: 'string' },
    json: { type: 'boolean' },
    data: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
  async run(given) {
    const messages = numberOf(given, 'messages', 100_000, { least: 1, most: 10_000_000, whole: true });
    const chars = numberOf(given, 'chars', 90, { least: 1, most: 32_768, whole: true });
    const least = { least: 1, most: 1_000_000, whole: true };
    const rows = given.rows === undefined ? undefined : numberOf(given, 'rows', 0, least);
    await carryOut(given, async (folder, endings) => {
      const figures = await searchBench({ messages, chars, rows, folder }, endings);
      if (given.json) sayJson(figures);
      else process.stdout.write(searchTable(figures));
    });
  },
};

// ---------------------------------------------------------------- all

type Work = (folder: string, endings: Endings, profiles: Profiles | undefined) => Promise<void>;

async function carryOut(given: Given, work: Work): Promise<void> {
  const taken = given['profile-cpu'] === true ? new Profiles() : undefined;
  await withEndings((endings) => work(freshFolder(textOf(given, 'data'), endings), endings, taken));
  if (taken === undefined) return;
  process.stderr.write(`CPU profiles: node dist/bench/top.js ${taken.mainThreads}\n`);
}

function sayJson(figures: object): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

const commands = new Map<string, Command>([
  ['actors', actors],
  ['one2one', one2one],
  ['group', group],
  ['idle', idle],
  ['offline', offline],
  ['rebuild', rebuild],
  ['search', search],
]);

async function main([what, ...args]: readonly string[]): Promise<void> {
  if (what === undefined || what === '--help' || what === '-h' || what === 'help') {
    process.stdout.write(usage);
    if (what === undefined) process.exitCode = 2;
    return;
  }
  const command = commands.get(what);
  if (command === undefined) {
    throw new BadOption(`there is no benchmark ${JSON.stringify(what)}: ${[...commands.keys()].join(' or ')}`);
  }
  const given = parse(args, command.options);
  if (given.help === true) {
    process.stdout.write(command.usage);
    return;
  }
  const missing = whyNoProc();
  if (missing !== undefined) throw new BadOption(missing);
  await command.run(given);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof BadOption) {
    process.stderr.write(`${error.message}\nnpm run bench -- --help says more.\n`);
    process.exit(2);
  }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
