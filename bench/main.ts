/** `npm run bench -- WHAT [options]` */
import { workloads } from './actor-load.ts';
import { type ActorFigures, actorBench, type Profile } from './actors.ts';
import { withEndings } from './endings.ts';
import { freshFolder } from './folders.ts';
import { BadOption, type Given, numberOf, parse, wordOf, wordsOf } from './options.ts';
import { whyNoProc } from './proc.ts';
import { Profiles } from './profiles.ts';
import { table } from './table.ts';

const usage = `Usage: npm run bench -- WHAT --profile embedded|cluster [options]

  actors     the actor runtime alone: durable calls, reads, actor to actor, activations
  one2one    the messenger over WebSocket: messages from send to read, between pairs of users

  npm run bench -- WHAT --help   lists the options of each
bench/README.md says what the figures mean.
`;

const common = `  --profile embedded|cluster   one process alone, or three nodes and three nats-servers (R3, every append synced)
  --json                       one JSON object a line instead of a table
  --data DIR                   where the data folders of the run are made and removed (default: the system's folder
                               for temporary files); what it lies on is what is measured
  --profile-cpu                take a CPU profile of each node process, and say where it is; 'node dist/bench/top.js FILE'
                               shows where the time went
  --help
`;

const actorsUsage = `Usage: npm run bench -- actors --profile embedded|cluster [options]

${common}
  --workload W,W               some of ${workloads.join(', ')} (default: all)
  --seconds N                  length of each window (default 10)
  --warm N                     seconds before it that don't count (default 3)
  --actors N                   counters that calls go to in turn (default 1000)
  --inflight N                 calls under way at any time (default 256)
  --activations N              counters that never were before (default 100000)
  --partitions N               a power of two (default 32)
`;

const actorsOptions = {
  profile: { type: 'string' },
  json: { type: 'boolean' },
  data: { type: 'string' },
  'profile-cpu': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  workload: { type: 'string' },
  seconds: { type: 'string' },
  warm: { type: 'string' },
  actors: { type: 'string' },
  inflight: { type: 'string' },
  activations: { type: 'string' },
  partitions: { type: 'string' },
} as const;

const profiles: readonly Profile[] = ['embedded', 'cluster'];

async function actors(given: Given): Promise<void> {
  const chosen = {
    profile: wordOf(given, 'profile', profiles),
    workloads: wordsOf(given, 'workload', workloads),
    seconds: numberOf(given, 'seconds', 10, { least: 0.1, most: 3_600 }),
    warmSeconds: numberOf(given, 'warm', 3, { least: 0, most: 600 }),
    actors: numberOf(given, 'actors', 1_000, { least: 1, most: 100_000, whole: true }),
    inflight: numberOf(given, 'inflight', 256, { least: 1, most: 16_384, whole: true }),
    activations: numberOf(given, 'activations', 100_000, { least: 1, most: 400_000, whole: true }),
    partitions: numberOf(given, 'partitions', 32, { least: 1, most: 4_096, whole: true }),
    profiles: profilesOf(given),
  };
  if (!Number.isInteger(Math.log2(chosen.partitions))) throw new BadOption('--partitions takes a power of two');
  await withEndings(async (endings) => {
    const folder = freshFolder(given.data as string | undefined, endings);
    const all: ActorFigures[] = [];
    for await (const figures of actorBench({ ...chosen, folder }, endings)) {
      all.push(figures);
      if (given.json === true) process.stdout.write(`${JSON.stringify(figures)}\n`);
      else process.stderr.write(`${figures.workload} done\n`);
    }
    if (given.json !== true) process.stdout.write(`${actorTable(all)}\n`);
  });
  tellOf(chosen.profiles);
}

function actorTable(all: readonly ActorFigures[]): string {
  const heads = [
    'workload',
    'calls/s',
    'p50 ms',
    'p99 ms',
    'server µs',
    'node µs',
    'nats µs',
    'gen µs',
    'turns/record',
    'rss MB',
    'errors',
    'lost',
    'doubled',
  ];
  const rows = all.map((one) => [
    one.workload,
    one.calls_per_s,
    one.ms?.p50,
    one.ms?.p99,
    one.server_cpu_us_per_call,
    one.node_cpu_us_per_call,
    one.nats_cpu_us_per_call,
    one.gen_cpu_us_per_call,
    one.turns_per_record,
    one.rss_mb,
    Object.values(one.errors).reduce((sum, count) => sum + count, 0) + one.unknown,
    one.lost,
    one.doubled,
  ]);
  const memory = all.flatMap(({ heap_bytes_per_actor: heap, anon_bytes_per_actor: anon, actors: count }) =>
    heap === undefined
      ? []
      : [`A live actor of ${count.toLocaleString('en')}: ${heap} bytes of heap, ${anon} of the process's own memory.`],
  );
  const caller = all[0]?.profile === 'embedded' ? ['The caller is in the node’s process: its part is in node µs.'] : [];
  return [table(heads, rows), ...memory, ...caller].join('\n');
}

function profilesOf(given: Given): Profiles | undefined {
  return given['profile-cpu'] === true ? new Profiles() : undefined;
}

function tellOf(profiles: Profiles | undefined): void {
  if (profiles !== undefined)
    process.stderr.write(`CPU profiles: node dist/bench/top.js ${profiles.folder}/n*.cpuprofile
`);
}

async function main([what, ...args]: readonly string[]): Promise<void> {
  if (what === undefined || what === '--help' || what === '-h' || what === 'help') {
    process.stdout.write(usage);
    if (what === undefined) process.exitCode = 2;
    return;
  }
  const command = commands.get(what);
  if (command === undefined)
    throw new BadOption(`there is no benchmark ${JSON.stringify(what)}: ${[...commands.keys()].join(' or ')}`);
  const given = parse(args, command.options);
  if (given.help === true) {
    process.stdout.write(command.usage);
    return;
  }
  const missing = whyNoProc();
  if (missing !== undefined) throw new BadOption(missing);
  await command.run(given);
}

const commands = new Map([['actors', { usage: actorsUsage, options: actorsOptions, run: actors }]]);

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof BadOption) {
    process.stderr.write(`${error.message}\nnpm run bench -- --help says more.\n`);
    process.exit(2);
  }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
