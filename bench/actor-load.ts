/** Load on actors through a node's door: a closed loop, in which each call that ends begins the next. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Asked, Door } from '../runtime/index.ts';
import { Counter, Relay } from './counter.ts';
import { Latencies, type Percentiles } from './latencies.ts';
import { openWindow, type Servers, type Spent } from './window.ts';

export const workloads = ['calls', 'sequential', 'actor-to-actor', 'read', 'activations'] as const;
export type Workload = (typeof workloads)[number];

export interface Run {
  readonly workload: Workload;
  readonly actors: number;
  readonly inflight: number;
  readonly warmMs: number;
  /** For activations there is no such time: they end when each actor has been called once. */
  readonly windowMs: number;
  readonly servers: Servers;
}

export interface Loaded {
  readonly calls: number;
  readonly ms: Percentiles | null;
  readonly spent: Spent;
  /** Calls that were certainly not carried out, by reason. */
  readonly errors: { readonly [why: string]: number };
  /** Calls that may or may not have been carried out. */
  readonly unknown: number;
  /** Of all calls of the run, warm-up included: acknowledged and missing in the counters; in the counters beyond those called. */
  readonly lost: number;
  readonly doubled: number;
}

/** Before a call that was refused is made again, so that refusals don't become the load. */
const refused_wait_ms = 5;
const call_wait_ms = 30_000;

type Call = (n: number) => Promise<Asked<number>>;

function callOf(door: Door, { workload, actors }: Run): Call {
  const counters = Array.from({ length: workload === 'activations' ? 0 : actors }, (_, i) => Counter.ref(`c${i}`));
  const counterOf = (n: number) => counters[n % actors] ?? Counter.ref('c0');
  switch (workload) {
    case 'calls':
    case 'sequential':
      return (n) => door.ask(counterOf(n), { kind: 'add', by: 1 }, call_wait_ms);
    case 'read':
      return (n) => door.ask(counterOf(n), { kind: 'read' }, call_wait_ms);
    case 'actor-to-actor': {
      const relays = counters.map((_, i) => Relay.ref(`r${i}`));
      return (n) =>
        door.ask(relays[n % actors] ?? Relay.ref('r0'), { kind: 'add', by: 1, to: `c${n % actors}` }, call_wait_ms);
    }
    case 'activations': {
      const fresh = `a${Date.now().toString(36)}`;
      return (n) => door.ask(Counter.ref(`${fresh}-${n}`), { kind: 'add', by: 1 }, call_wait_ms);
    }
  }
}

class ClosedLoop {
  readonly #call: Call;
  readonly #run: Run;
  readonly #count: number;
  readonly acknowledged: Float64Array;
  readonly uncertain: Float64Array;
  latencies = new Latencies();
  errors: { [why: string]: number } = {};
  unknown = 0;
  wrong = 0;
  going = true;
  #next = 0;

  constructor(call: Call, run: Run) {
    this.#call = call;
    this.#run = run;
    this.#count = run.workload === 'activations' ? run.actors : Number.POSITIVE_INFINITY;
    this.acknowledged = new Float64Array(run.actors);
    this.uncertain = new Float64Array(run.actors);
  }

  /** Resolves when every call has ended. */
  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.#run.inflight }, () => this.#caller()));
  }

  /** Forgets the warm-up. */
  count(): void {
    this.latencies = new Latencies();
    this.errors = {};
    this.unknown = 0;
  }

  async #caller(): Promise<void> {
    while (this.going && this.#next < this.#count) {
      const n = this.#next++;
      while (!(await this.#once(n))) await sleep(refused_wait_ms);
    }
  }

  /** False: refused, and to be called again, if there is still time. */
  async #once(n: number): Promise<boolean> {
    const startMs = performance.now();
    const asked = await this.#call(n);
    const actor = n % this.#run.actors;
    switch (asked.kind) {
      case 'reply':
        this.latencies.add(performance.now() - startMs);
        this.acknowledged[actor]! += 1;
        if (this.#run.workload === 'activations' && asked.value !== 1) this.wrong++;
        return true;
      case 'unknown':
        this.unknown++;
        this.uncertain[actor]! += 1;
        return true;
      case 'refused':
        this.errors[asked.why] = (this.errors[asked.why] ?? 0) + 1;
        return !this.going;
    }
  }
}

/** Warm-up, window, and an exact look at what the counters hold afterwards. */
export async function load(door: Door, run: Run, notice: (word: 'opened' | 'closed') => void): Promise<Loaded> {
  const changes = run.workload === 'calls' || run.workload === 'sequential' || run.workload === 'actor-to-actor';
  const before = changes ? await totals(door, run.actors) : [];
  const loop = new ClosedLoop(callOf(door, run), run);
  let running = run.workload === 'activations' ? undefined : loop.start();
  if (running !== undefined) {
    await sleep(run.warmMs);
    loop.count();
  }
  notice('opened');
  const close = openWindow(run.servers);
  if (running === undefined) {
    running = loop.start();
    await running;
  } else await sleep(run.windowMs);
  const spent = close();
  const { latencies, errors, unknown } = loop;
  const ms = latencies.percentiles();
  const calls = latencies.count;
  loop.count();
  notice('closed');
  loop.going = false;
  await running;
  const after = changes ? await totals(door, run.actors) : [];
  let lost = loop.wrong;
  let doubled = 0;
  after.forEach((total, i) => {
    const surplus = total - (before[i] ?? 0) - (loop.acknowledged[i] ?? 0);
    lost += Math.max(0, -surplus);
    doubled += Math.max(0, surplus - (loop.uncertain[i] ?? 0));
  });
  return { calls, ms, spent, errors, unknown, lost, doubled };
}

/** What each counter holds; also what creates them before they are measured. */
async function totals(door: Door, actors: number): Promise<number[]> {
  const found: number[] = [];
  const at_once = 64;
  for (let first = 0; first < actors; first += at_once) {
    const some = Array.from({ length: Math.min(at_once, actors - first) }, (_, i) => totalOf(door, first + i));
    found.push(...(await Promise.all(some)));
  }
  return found;
}

async function totalOf(door: Door, actor: number): Promise<number> {
  const asked = await door.ask(Counter.ref(`c${actor}`), { kind: 'read' }, call_wait_ms);
  if (asked.kind !== 'reply') throw new Error(`counter ${actor} could not be read: ${asked.kind}, ${asked.why}`);
  return asked.value;
}
