/** `npm run sim`: runs seeds of the deterministic simulator, and tells what broke, and how to see it break again. */
import { parseArgs } from 'node:util';
import { type BreakName, breaks } from './breaks.ts';
import { replaceGlobals } from './globals.ts';
import { runAll } from './pool.ts';
import type { Verdict } from './run.ts';

const help = `npm run sim -- [options]: simulates a cluster with its clients, all chance from one seed.

  --seed N          one run, told in detail
  --seeds A..B      many runs, spread over all cores (1..100)
  --steps N         events until all is made good (20000)
  --trace           with --seed: everything that happens, as it happens
  --break RULE      breaks a rule on purpose: ${Object.keys(breaks).join(', ')}
  --help            this text
`;

const default_steps = 20_000;

class UsageError extends Error {}

interface Options {
  readonly seeds: readonly [first: number, last: number] | undefined;
  readonly seed: number | undefined;
  readonly steps: number;
  readonly trace: boolean;
  readonly broken: BreakName | undefined;
}

function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      steps: { type: 'string' },
      trace: { type: 'boolean', default: false },
      break: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) throw new UsageError(help);
  if (values.break !== undefined && !Object.hasOwn(breaks, values.break)) {
    throw new UsageError(`--break takes one of ${Object.keys(breaks).join(', ')}.`);
  }
  return {
    seeds: values.seeds === undefined ? undefined : rangeOf(values.seeds),
    seed: values.seed === undefined ? undefined : numberOf('--seed', values.seed),
    steps: values.steps === undefined ? default_steps : numberOf('--steps', values.steps),
    trace: values.trace,
    broken: values.break as BreakName | undefined,
  };
}

function numberOf(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${option} takes a whole number, not "${text}".`);
  return Number(text);
}

function rangeOf(text: string): readonly [number, number] {
  const [first, last] = text.split('..').map((part) => numberOf('--seeds', part));
  if (first === undefined || last === undefined || last < first) throw new UsageError('--seeds takes A..B.');
  return [first, last];
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function commandOf({ seed }: Verdict, { steps, broken }: Options): string {
  const rest = [steps === default_steps ? '' : ` --steps ${steps}`, broken === undefined ? '' : ` --break ${broken}`];
  return `npm run sim -- --seed ${seed}${rest.join('')}`;
}

function tellFailure(verdict: Verdict, options: Options): void {
  const { failure, seed, steps, simulatedMs } = verdict;
  if (failure === undefined) return;
  say(`\nseed ${seed} FAILS at step ${steps}, ${(simulatedMs / 1_000).toFixed(3)} s of simulated time`);
  say(`  ${failure.rule}: ${failure.words}`);
  say(`  again: ${commandOf(verdict, options)}`);
}

async function one(seed: number, options: Options): Promise<boolean> {
  replaceGlobals();
  // What it loads may keep globals as they are when it is loaded.
  const { run, oddsOf } = await import('./run.ts');
  for (const line of oddsOf(seed)) say(line);
  const { steps, broken, trace } = options;
  const verdict = await run({ seed, steps, broken, print: trace ? say : undefined });
  if (verdict.failure !== undefined && !trace) {
    say('\nwhat happened to it last:');
    for (const line of verdict.failure.trace) say(line);
  }
  tellFailure(verdict, options);
  const fired = Object.entries(verdict.fired).map(([mishap, times]) => `${mishap} ${times}`);
  say(`\n${verdict.accepted} messages accepted, ${verdict.transfers} transfers done, ${verdict.records} records`);
  say(`${fired.length === 0 ? 'nothing' : fired.join(', ')} happened`);
  say(`${verdict.steps} steps, ${(verdict.simulatedMs / 1_000).toFixed(1)} s of simulated time, trace ${verdict.hash}`);
  return verdict.failure === undefined;
}

async function many([first, last]: readonly [number, number], options: Options): Promise<boolean> {
  const { steps, broken } = options;
  const startedMs = performance.now();
  const seeds = Array.from({ length: last - first + 1 }, (_, i) => ({ seed: first + i, steps, broken }));
  const sums = { runs: 0, failed: 0, steps: 0, accepted: 0, simulatedMs: 0 };
  await runAll({
    runs: seeds,
    judge(verdict) {
      tellFailure(verdict, options);
      sums.runs++;
      if (verdict.failure !== undefined) sums.failed++;
      sums.steps += verdict.steps;
      sums.accepted += verdict.accepted;
      sums.simulatedMs += verdict.simulatedMs;
      return true;
    },
  });
  const tookS = (performance.now() - startedMs) / 1_000;
  say(`\n${sums.runs} seeds, ${sums.failed} failed: ${sums.steps} steps, ${sums.accepted} messages accepted,`);
  say(`${(sums.simulatedMs / 3_600_000).toFixed(1)} h of simulated time in ${tookS.toFixed(1)} s`);
  return sums.failed === 0;
}

try {
  const options = optionsOf(process.argv.slice(2));
  const fine =
    options.seed === undefined ? await many(options.seeds ?? [1, 100], options) : await one(options.seed, options);
  process.exitCode = fine ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError) && !(error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS')) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
