/** The command line, parsed strictly and refused in words. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** What is wrong with a command line; its message is for whoever typed it. */
export class BadOption extends Error {}

export interface Options {
  readonly scenarios: readonly string[];
  readonly seed: number;
  readonly rounds: number;
  readonly minutes: number;
  readonly rate: number;
  readonly json: boolean;
  readonly set: readonly string[];
  /** Where the data of the run lies; undefined for the system's folder for temporary files. */
  readonly data: string | undefined;
  readonly keep: boolean;
  readonly list: boolean;
  readonly help: boolean;
  /** For the process inside the namespaces: the run's folder. */
  readonly inside: string | undefined;
  /** Whether it has namespaces of its own. */
  readonly enclosed: boolean;
}

export const help = `npm run chaos -- --scenario NAME[,NAME...]|all [options]

  --scenario NAME    what to break; --list tells what there is
  --seed S           decides what is broken, when and for how long (1); round r has seed S + r - 1
  --rounds N         rounds of each scenario (3; 1 with --minutes)
  --minutes M        more rounds until so many minutes are over, for each scenario
  --rate R           messages a second over all clients (200)
  --json             one JSON object a round
  --set PART.BOUND=N changes a limit of all nodes; may be given often
  --data FOLDER      where the run's data lies
  --keep             leaves the data also when all is well
  --list             the scenarios

The exit code is 1 when a message was lost, doubled, out of order or went back, when the system did not recover by itself, or
when a round was vacuous. chaos/README.md tells what the columns mean.
`;

const table = {
  scenario: { type: 'string' },
  seed: { type: 'string' },
  rounds: { type: 'string' },
  minutes: { type: 'string' },
  rate: { type: 'string' },
  json: { type: 'boolean' },
  set: { type: 'string', multiple: true },
  data: { type: 'string' },
  keep: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  inside: { type: 'string' },
  enclosed: { type: 'boolean' },
} satisfies NonNullable<ParseArgsConfig['options']>;

/** @throws BadOption */
export function optionsOf(args: readonly string[], known: readonly string[]): Options {
  const given = parsed(args);
  const minutes = numberOf(given.minutes, 'minutes', 0, 0, 10_000);
  return {
    scenarios: scenariosOf(given.scenario, known),
    seed: numberOf(given.seed, 'seed', 1, 0, 2 ** 32 - 1, true),
    rounds: numberOf(given.rounds, 'rounds', given.minutes === undefined ? 3 : 1, 1, 1_000_000, true),
    minutes,
    rate: numberOf(given.rate, 'rate', 200, 10, 20_000),
    json: given.json === true,
    set: given.set ?? [],
    data: given.data,
    keep: given.keep === true,
    list: given.list === true,
    help: given.help === true,
    inside: given.inside,
    enclosed: given.enclosed === true,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: table, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new BadOption(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error));
  }
}

function scenariosOf(text: string | undefined, known: readonly string[]): readonly string[] {
  if (text === undefined) return [];
  if (text === 'all') return known;
  return text.split(',').map((name) => {
    if (!known.includes(name))
      throw new BadOption(`there is no scenario "${name}"; there are ${known.join(', ')}, all`);
    return name;
  });
}

function numberOf(
  text: string | undefined,
  name: string,
  or: number,
  least: number,
  most: number,
  whole = false,
): number {
  if (text === undefined) return or;
  const value = Number(text);
  if (text !== '' && value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  throw new BadOption(`--${name} takes a ${whole ? 'whole ' : ''}number from ${least} to ${most}, not "${text}"`);
}
