/** One run: a world from one seed, a time in which anything may happen, a time to recover, and the reckoning. */
import { audit } from './audit.ts';
import { Account, type Books } from './bank.ts';
import { type Break, type BreakName, breaks } from './breaks.ts';
import { SimRandom } from './clock.ts';
import { lacking } from './converged.ts';
import type { Device } from './device.ts';
import { leaveSimulation } from './globals.ts';
import { drawOdds, mishaps, tellOdds } from './odds.ts';
import type { Followed } from './tracer.ts';
import { Violation } from './violation.ts';
import { World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  /** About how many events, of which most happen before all is made good. */
  readonly steps: number;
  readonly broken?: BreakName | undefined;
  /** Every frame is followed. */
  readonly followed?: boolean;
  readonly print?: ((line: string) => void) | undefined;
}

export interface Failure {
  readonly rule: string;
  readonly words: string;
  /** The last lines of the trace about it. */
  readonly trace: readonly string[];
}

export interface Verdict {
  readonly seed: number;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly hash: string;
  readonly odds: readonly string[];
  readonly accepted: number;
  readonly transfers: number;
  readonly records: number;
  readonly fired: { readonly [mishap: string]: number };
  readonly followed: Readonly<Followed> | undefined;
  readonly failure: Failure | undefined;
}

/** The rest of the events is for recovery and reckoning. */
const chaos_share = 0.6;
/** Simulated time to recover in. */
const recover_ms_max = 180_000;
const look_ms = 250;
const ask_wait_ms = 5_000;
const trace_lines_max = 120;
/** A run of so many times its steps does not come to rest. */
const run_away_steps = 20;
/** A run with less than this has shown nothing. */
const accepted_min = 5;
/** Where so many mishaps are to be expected, one must have happened: that none does by chance alone has odds of 1 in 160,000. */
const mishaps_expected_min = 12;

export async function run({ seed, steps, broken, followed = false, print }: RunOptions): Promise<Verdict> {
  const altered: Break | undefined = broken && breaks[broken];
  const world = new World({ seed, stepsMax: steps * run_away_steps, broken: altered, followed, print });
  const unpatch = altered?.patch?.(world);
  const stray = (error: unknown): void => world.check(() => crash(error));
  process.on('unhandledRejection', stray);
  process.on('uncaughtException', stray);
  try {
    await live(world, steps);
  } catch (error) {
    world.check(() => crash(error));
  } finally {
    leaveSimulation();
    process.off('unhandledRejection', stray);
    process.off('uncaughtException', stray);
    unpatch?.();
  }
  return verdictOf(seed, world);
}

function crash(error: unknown): never {
  if (error instanceof Violation) throw error;
  throw new Violation('crash', error instanceof Error ? (error.stack ?? error.message) : String(error), []);
}

async function live(world: World, steps: number): Promise<void> {
  const broken = (): boolean => world.violation !== undefined;
  world.begin();
  await world.time.run(() => broken() || world.steps >= steps * chaos_share);
  if (broken()) return;
  const troubledMs = world.time.nowMs - world.faults.begunMs;
  world.heal();
  const recovered = async (): Promise<void> => {
    const untilMs = world.time.nowMs + recover_ms_max;
    let lack = lacking(world);
    while (lack !== undefined && !broken()) {
      const { words, about } = lack;
      if (world.time.nowMs > untilMs) {
        throw new Violation('converges', `${recover_ms_max / 1_000} s after all was made good, ${words}`, about);
      }
      await pass(world, look_ms);
      lack = lacking(world);
    }
  };
  await recovered();
  if (broken()) return;
  const auditors = new Map<string, Device>();
  for (const user of world.users) {
    const auditor = world.addDevice(user, 'audit', { reads: false });
    auditors.set(user, auditor);
    auditor.start();
  }
  await recovered();
  const books = broken() ? undefined : await booksOf(world);
  await recovered();
  if (broken() || books === undefined) return;
  audit(world, auditors, books);
  vacuous(world, troubledMs);
}

async function pass(world: World, ms: number): Promise<void> {
  let over = false;
  world.time.after(ms, () => {
    over = true;
  });
  await world.time.run(() => over || world.violation !== undefined);
}

async function booksOf(world: World): Promise<ReadonlyMap<string, Books>> {
  const books = new Map<string, Books>();
  for (const account of world.accounts) {
    let answer = 'nothing';
    const ask = (): void => {
      const node = world.anyNode();
      void node?.ask(Account.ref(account), { kind: 'books' }, ask_wait_ms).then((asked) => {
        if (asked.kind === 'reply') {
          books.set(account, asked.value);
          return;
        }
        answer = `${asked.kind} (${asked.why})`;
        world.trace.note(node.node, `was asked for the books of ${account}: ${answer}`);
        ask();
      });
    };
    ask();
    const untilMs = world.time.nowMs + recover_ms_max;
    while (!books.has(account) && world.violation === undefined) {
      if (world.time.nowMs > untilMs) {
        throw new Violation('converges', `account ${account} answers ${answer}`, [account]);
      }
      await pass(world, look_ms);
    }
  }
  return books;
}

function acceptedOf({ devices }: World): number {
  return devices.reduce((sum, { history }) => {
    return sum + [...history.sendings.values()].filter(({ accepted }) => accepted !== undefined).length;
  }, 0);
}

function vacuous(world: World, troubledMs: number): void {
  const accepted = acceptedOf(world);
  const { done } = world.tellers;
  if (accepted + done < accepted_min) {
    const words = `only ${accepted} messages were accepted, and ${done} transfers done`;
    throw new Violation('not vacuous', words, []);
  }
  const planned = mishaps.filter((mishap) => world.odds.mishaps[mishap] > 0);
  const expected = planned.reduce((sum, mishap) => sum + troubledMs / world.odds.mishaps[mishap], 0);
  if (expected >= mishaps_expected_min && world.faults.fired.size === 0) {
    throw new Violation('not vacuous', `none of ${planned.join(', ')} happened`, []);
  }
}

function verdictOf(seed: number, world: World): Verdict {
  const { violation, trace } = world;
  return {
    seed,
    steps: world.steps,
    simulatedMs: Math.round(world.time.nowMs),
    hash: trace.hash,
    odds: tellOdds(world.odds),
    accepted: acceptedOf(world),
    transfers: world.tellers.done,
    records: world.watch.records,
    fired: Object.fromEntries(world.faults.fired),
    followed: world.tracer?.followed,
    failure: violation && {
      rule: violation.rule,
      words: violation.message,
      trace: trace.about(violation.about.length === 0 ? [] : [...violation.about, 'world'], trace_lines_max),
    },
  };
}

/** What this seed's world is like, a line each. */
export function oddsOf(seed: number): string[] {
  return tellOdds(drawOdds(new SimRandom(seed).stream('odds')));
}
