/** A simulated cluster for the engine's tests: real nodes on simulated ports, one clock that only the test moves, one seed. */
import { type AnyBehaviour, type Asked, defaultLimits, type Limits, Node } from '../../runtime/index.ts';
import type { Log, Ports } from '../../runtime/ports.ts';
import { SimArchive } from '../../sim/archive.ts';
import { type SimClock, SimRandom, SimTime } from '../../sim/clock.ts';
import { SimLog } from '../../sim/journal.ts';
import { SimSwitchboard } from '../../sim/network.ts';
import { SimRegister } from '../../sim/ownership.ts';
import { SimProcess } from '../../sim/process.ts';
import { SimDisk } from '../../sim/store.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly behaviours: readonly AnyBehaviour[];
  readonly partitions?: number;
  readonly limits?: Partial<Limits>;
}

export interface BootOptions {
  /** The format of state that the process reads and writes. */
  readonly format?: number;
  /** What its engine is given in place of its ports. */
  readonly ports?: (ports: Ports) => Ports;
}

/** One process: a node and what it holds of the world. */
export class Process {
  readonly node: Node;
  readonly name: string;
  readonly clock: SimClock;
  alive = true;
  readonly #process: SimProcess;

  constructor(world: World, name: string, { format = 1, ports = (as) => as }: BootOptions) {
    this.name = name;
    const random = world.random.stream(`${name}/${world.births++}`);
    this.#process = new SimProcess(world, { name, disk: world.disk(name), random, log: world.logOf(name) });
    this.clock = this.#process.clock;
    this.node = new Node({
      ports: ports(this.#process.ports),
      limits: world.limits,
      behaviours: world.behaviours,
      partitions: world.partitions,
      settleMs: 300,
      format,
    });
    this.node.start();
  }

  /** `kill -9`. */
  kill(): void {
    this.alive = false;
    this.node.halt();
    this.#process.kill();
  }

  /** Cut off from all others and from what they share, and aware of it. */
  unplug(unplugged: boolean): void {
    this.#process.unplug(unplugged);
  }

  pause(): void {
    this.#process.pause();
  }

  goOn(): void {
    this.#process.goOn();
  }
}

const quickLimits: Limits = {
  ...defaultLimits,
  heartbeat_ms: 50,
  suspect_ms: 200,
  ownership_poll_ms: 200,
  channel_resend_ms: 300,
  store_flush_ms: 40,
  turn_retry_ms: 10,
};

export class World {
  readonly random: SimRandom;
  readonly time: SimTime;
  readonly log: SimLog;
  readonly board: SimSwitchboard;
  readonly register: SimRegister;
  readonly archive: SimArchive;
  readonly behaviours: readonly AnyBehaviour[];
  readonly partitions: number;
  readonly limits: Limits;
  readonly processes = new Map<string, Process>();
  /** What nodes logged as errors. */
  readonly errors: string[] = [];
  /** All that nodes logged, while `RINGPOST_TEST_LOG` is set. */
  readonly said: string[] = [];
  births = 0;
  readonly #disks = new Map<string, SimDisk>();

  constructor({ seed, behaviours, partitions = 8, limits }: WorldOptions) {
    this.random = new SimRandom(seed);
    this.time = new SimTime(this.random.stream('ties'));
    this.log = new SimLog(this.time, this.random);
    this.board = new SimSwitchboard(this.time, this.random);
    this.register = new SimRegister(this.time, this.random);
    this.archive = new SimArchive(this.time, this.random);
    this.behaviours = behaviours;
    this.partitions = partitions;
    this.limits = { ...quickLimits, ...limits };
  }

  disk(name: string): SimDisk {
    let disk = this.#disks.get(name);
    if (disk === undefined) {
      disk = new SimDisk(this.time, this.random.stream(`disk ${name}`));
      this.#disks.set(name, disk);
    }
    return disk;
  }

  boot(name: string, options: BootOptions = {}): Process {
    const process = new Process(this, name, options);
    this.processes.set(name, process);
    return process;
  }

  /** Boots nodes and waits until they serve all partitions. */
  async cluster(...names: readonly string[]): Promise<Process[]> {
    const processes = names.map((name) => this.boot(name));
    await this.settled();
    return processes;
  }

  /** Until every living node is ready. */
  async settled(): Promise<void> {
    for (const { node, alive } of this.processes.values()) if (alive) await this.time.until(node.ready(60_000), 60_000);
  }

  node(name: string): Node {
    const process = this.processes.get(name);
    if (process === undefined) throw new Error(`no process ${name}`);
    return process.node;
  }

  living(): Process[] {
    return [...this.processes.values()].filter(({ alive }) => alive);
  }

  kill(name: string): void {
    this.processes.get(name)?.kill();
  }

  until<T>(promise: Promise<T>, maxMs?: number): Promise<T> {
    return this.time.until(promise, maxMs);
  }

  pass(ms: number): Promise<void> {
    return this.time.pass(ms);
  }

  logOf(name: string): Log {
    const say = (level: string, fields: object, words: string) => {
      if (process.env.RINGPOST_TEST_LOG === undefined) return;
      const text = `${this.time.nowMs.toFixed(1)} ${level} ${name}: ${words} ${plain(fields)}`;
      this.said.push(text);
      if (process.env.RINGPOST_TEST_LOG === 'now') process.stderr.write(`${text}\n`);
    };
    return {
      info: (fields, words) => say('info', fields, words),
      warn: (fields, words) => say('warn', fields, words),
      error: (fields, words) => {
        this.errors.push(`${name}: ${words} ${plain(fields)}`);
        say('ERROR', fields, words);
      },
    };
  }
}

function plain(fields: object): string {
  return JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? String(value) : value));
}

/** The value of a reply; throws on everything else. */
export function replyOf<R>(asked: Asked<R>): R {
  if (asked.kind !== 'reply') throw new Error(`no reply: ${JSON.stringify(asked)}`);
  return asked.value;
}
