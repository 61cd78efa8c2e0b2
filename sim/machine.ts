/** One machine: its disk, and the process that runs on it or doesn't: a node of the engine with its edge. */
import { type AnyBehaviour, type Limits, Node } from '../runtime/index.ts';
import { type Log, type Ports, StoreDamaged } from '../runtime/ports.ts';
import type { SimRandom, SimTime } from './clock.ts';
import { quickCodec } from './codec.ts';
import { Edge } from './edge.ts';
import type { Internet } from './internet.ts';
import { SimProcess, type Surroundings } from './process.ts';
import { SimDisk } from './store.ts';
import type { Trace } from './trace.ts';
import type { SimTracer } from './tracer.ts';
import { Violation } from './violation.ts';

export interface MachineWorld extends Surroundings {
  readonly time: SimTime;
  readonly trace: Trace;
  readonly internet: Internet;
  readonly behaviours: readonly AnyBehaviour[];
  readonly limits: Limits;
  readonly partitions: number;
  readonly tracer: SimTracer | undefined;
  /** Runs a check; the first one that fails ends the run. */
  check(check: () => void): void;
  /** Rules that are broken on purpose; as it is, otherwise. */
  altered(ports: Ports): Ports;
}

export type State = 'up' | 'paused' | 'leaving' | 'down';

const append_wait_ms = 3_000;
const goodbye_ms = 500;

export class Machine {
  readonly name: string;
  readonly disk: SimDisk;
  state: State = 'down';
  node: Node | undefined;
  edge: Edge | undefined;
  readonly #world: MachineWorld;
  readonly #random: SimRandom;
  #process: SimProcess | undefined;
  #boots = 0;
  #wallOffsetMs: number | undefined;
  #unplugged = false;

  constructor(world: MachineWorld, name: string, random: SimRandom) {
    this.#world = world;
    this.name = name;
    this.#random = random;
    this.disk = new SimDisk(world.time, random);
  }

  boot(): void {
    if (this.state !== 'down') return;
    const { trace, tracer, internet, behaviours, limits, partitions } = this.#world;
    const process = new SimProcess(this.#world, {
      name: this.name,
      disk: this.disk,
      random: this.#random.stream(`boot ${++this.#boots}`),
      log: this.#log(),
      appendWaitMs: append_wait_ms,
      codec: quickCodec,
    });
    if (this.#wallOffsetMs !== undefined) process.clock.wallOffsetMs = this.#wallOffsetMs;
    process.unplug(this.#unplugged);
    const ports = this.#world.altered({ ...process.ports, ...(tracer && { tracer }) });
    const node = new Node({ ports, limits, behaviours, partitions, settleMs: limits.suspect_ms });
    if (this.#random.chance(0.5)) node.notice = `http://${this.name}:7100`;
    this.#process = process;
    this.node = node;
    this.edge = new Edge(process, node, (words) => trace.note(this.name, words), tracer);
    this.state = 'up';
    trace.note(this.name, `boots as ${node.incarnation.slice(0, 6)}`);
    node.start();
    internet.plug(this.name, this.edge);
    // Sockets of the process before, that nobody reset.
    for (const line of internet.linesOf(this.name)) line.mend();
  }

  /** `kill -9`; its system resets the sockets. */
  kill(): void {
    if (this.state === 'down') return;
    this.#world.trace.note(this.name, 'is killed');
    this.#end();
    for (const line of this.#world.internet.linesOf(this.name)) line.orphaned();
    this.#world.internet.plug(this.name, undefined);
  }

  /** Nobody resets anything; what was not on disk is lost. `wiped`: the store is thrown away at the next start, as the real one does (A5). */
  losePower(wiped: boolean): void {
    if (this.state === 'down') return;
    this.#world.trace.note(this.name, `loses power${wiped ? '' : ', and its disk what was not flushed'}`);
    this.#end();
    this.disk.powerLoss(wiped);
    for (const line of this.#world.internet.linesOf(this.name)) line.silence();
    this.#world.internet.plug(this.name, 'gone');
  }

  pause(): void {
    if (this.state !== 'up') return;
    this.#world.trace.note(this.name, 'is stopped');
    this.state = 'paused';
    this.#process?.pause();
  }

  goOn(): void {
    if (this.state !== 'paused') return;
    this.#world.trace.note(this.name, 'goes on');
    this.state = 'up';
    this.#process?.goOn();
  }

  /** An operator has it give its partitions away, and stay; or take its share again. */
  drain(draining: boolean): void {
    if (this.state !== 'up' || this.node === undefined) return;
    this.#world.trace.note(this.name, draining ? 'is drained' : 'takes its share again');
    if (draining) {
      this.edge?.handOver();
      void this.node.drain();
    } else {
      this.edge?.stay();
      this.node.resume();
    }
  }

  /** A stop as on SIGTERM: clients are sent away, partitions handed over. */
  async leave(): Promise<void> {
    const { node, edge } = this;
    if (this.state !== 'up' || node === undefined || edge === undefined) return;
    this.#world.trace.note(this.name, 'leaves');
    this.state = 'leaving';
    await edge.close(goodbye_ms);
    await node.stop();
    // A signal may have come first.
    if (this.node !== node) return;
    this.#world.trace.note(this.name, 'has left');
    await this.#process?.ports.store.close();
    if (this.node !== node) return;
    this.#end();
    this.#world.internet.plug(this.name, undefined);
  }

  /** What this machine's clock says from now on, this much more than before. */
  jump(ms: number): void {
    if (this.#process === undefined) return;
    this.#process.clock.wallOffsetMs += ms;
    this.#wallOffsetMs = this.#process.clock.wallOffsetMs;
    this.#world.trace.note(this.name, `its clock jumps by ${ms} ms`);
  }

  /** Sets its clock right. */
  adjust(): void {
    this.#wallOffsetMs = undefined;
    if (this.#process !== undefined) this.#process.clock.wallOffsetMs = right_wall_ms;
  }

  /** Off, or back on, the servers that hold the journal, the register and the archive. */
  unplug(unplugged: boolean): void {
    this.#unplugged = unplugged;
    this.#process?.unplug(unplugged);
  }

  #end(): void {
    this.state = 'down';
    this.node?.halt();
    this.#process?.kill();
    this.node = undefined;
    this.edge = undefined;
    this.#process = undefined;
  }

  #log(): Log {
    const { trace } = this.#world;
    const say = (level: string, fields: object, words: string): void => {
      trace.note(this.name, `${level}${words}${detail(fields)}`);
    };
    return {
      info: (fields, words) => say('', fields, words),
      warn: (fields, words) => say('warns: ', fields, words),
      error: (fields, words) => {
        say('ERROR: ', fields, words);
        if (isBug(fields, words)) {
          this.#world.check(() => {
            throw new Violation('invariant', `${this.name}: ${words}${detail(fields)}`, [this.name]);
          });
        }
      },
    };
  }
}

/** What no fault may lead to. */
const bugs = [
  'an invariant is broken: partition dropped',
  'a datagram was passed over',
  'a parcel was passed over',
  'a parcel is larger than a datagram may be',
  'the holder of an outlet threw',
];

/** Accounts throw on purpose; the messenger's actors never, unless their rows can't be read. */
function isBug(fields: { readonly kind?: unknown; readonly error?: unknown }, words: string): boolean {
  const threw = words.startsWith('a turn threw') && (fields.kind === 'user' || fields.kind === 'connection');
  return bugs.includes(words) || (threw && !(fields.error instanceof StoreDamaged));
}

/** What clocks say when a world begins. */
export const right_wall_ms = 1_800_000_000_000;

function detail(fields: object): string {
  const parts = Object.entries(fields).map(([name, value]) => {
    if (name === 'partition') return `p${value}`;
    return `${name} ${value instanceof Error ? value.message : typeof value === 'object' ? JSON.stringify(value) : String(value)}`;
  });
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
