/** A simulated world: machines with nodes, what they share, devices with clients, and everybody who looks on. */
import { messengerBehaviours } from '../actors/index.ts';
import { numberKey, numberOf } from '../actors/numbers.ts';
import type { Accepted, ClientEvent } from '../client/index.ts';
import { partitionOf } from '../runtime/hash.ts';
import { type AnyBehaviour, defaultLimits, type Limits, type Node } from '../runtime/index.ts';
import type { PartitionId, Ports } from '../runtime/ports.ts';
import { SimArchive } from './archive.ts';
import { account } from './bank.ts';
import type { Break } from './breaks.ts';
import { SimRandom, SimTime } from './clock.ts';
import { quickCodec } from './codec.ts';
import { Device } from './device.ts';
import { Faults } from './faults.ts';
import { leave } from './globals.ts';
import { Groups } from './groups.ts';
import type { History } from './history.ts';
import { Internet } from './internet.ts';
import { SimLog } from './journal.ts';
import { JournalWatch } from './journal-watch.ts';
import { Machine } from './machine.ts';
import { SimSwitchboard } from './network.ts';
import { drawOdds, type Odds } from './odds.ts';
import { SimRegister } from './ownership.ts';
import { People } from './people.ts';
import { type DeadMail, Tellers } from './tellers.ts';
import { Trace } from './trace.ts';
import { SimTracer } from './tracer.ts';
import { Violation } from './violation.ts';

export interface WorldOptions {
  readonly seed: number;
  /** More events than this are not looked for. */
  readonly stepsMax: number;
  /** A rule that is broken on purpose. */
  readonly broken?: Break | undefined;
  /** Every frame is followed. */
  readonly followed?: boolean;
  readonly print?: ((line: string) => void) | undefined;
}

/** A mail of an account, or the reply to one. */
interface DeadBody {
  readonly kind: string;
  readonly id?: string;
  readonly tag?: string;
  readonly amount?: number;
}

const machines_max = 6;
const begin_look_ms = 100;

export class World {
  readonly odds: Odds;
  readonly random: SimRandom;
  readonly time: SimTime;
  readonly trace: Trace;
  readonly log: SimLog;
  readonly board: SimSwitchboard;
  readonly register: SimRegister;
  readonly archive: SimArchive;
  readonly internet: Internet;
  readonly behaviours: readonly AnyBehaviour[];
  readonly limits: Limits;
  readonly partitions: number;
  readonly machines = new Map<string, Machine>();
  readonly users: readonly string[];
  readonly accounts: readonly string[];
  readonly devices: Device[] = [];
  readonly watch: JournalWatch;
  readonly people: People;
  readonly tellers: Tellers;
  readonly faults: Faults;
  readonly tracer: SimTracer | undefined;
  /** Events that have happened. */
  steps = 0;
  /** The first rule that did not hold. */
  violation: Violation | undefined;
  readonly #broken: Break | undefined;
  readonly #stepsMax: number;
  readonly #headsByUser = new Map<string, number>();

  constructor({ seed, stepsMax, broken, followed = false, print }: WorldOptions) {
    this.random = new SimRandom(seed);
    this.odds = drawOdds(this.random.stream('odds'));
    this.#broken = broken;
    this.tracer = followed ? new SimTracer() : undefined;
    this.#stepsMax = stepsMax;
    this.time = new SimTime(this.random.stream('ties'));
    this.time.onEvent = (atMs) => this.#event(atMs);
    this.trace = new Trace({ time: this.time, print });
    this.log = new SimLog(this.time, this.random);
    this.board = new SimSwitchboard(this.time, this.random);
    this.register = new SimRegister(this.time, this.random);
    this.archive = new SimArchive(this.time, this.random);
    this.internet = new Internet(this.time, this.random);
    const mishap = this.random.stream('turns');
    this.behaviours = [
      ...messengerBehaviours({ message_lifetime_ms: this.odds.messageLifetimeMs }),
      account(() => !this.calm && mishap.chance(this.odds.turnThrows)),
    ];
    this.limits = { ...defaultLimits, ...this.odds.limits };
    this.partitions = this.odds.partitions;
    this.users = Array.from({ length: this.odds.users }, (_, i) => names[i] as string);
    this.accounts = Array.from({ length: this.odds.accounts }, (_, i) => `acc${i}`);
    this.watch = new JournalWatch(quickCodec, this.trace);
    this.watch.onRecord = ({ rows }) => this.#heads(rows);
    this.log.onAppended = (partition, { seq, bytes }) => this.check(() => this.watch.appended(partition, seq, bytes));
    this.people = new People({
      time: this.time,
      random: this.random.stream('people'),
      users: this.users,
      devices: this.devices,
      everyMs: this.odds.deviceMs,
      // Their timers go by wall clocks: one that jumps would have the reckoning wait for it.
      vanishing: this.odds.mishaps['clock-jump'] === 0,
      groups: this.odds.groups ? new Groups(this.random.stream('groups'), this.users) : undefined,
    });
    const { time, trace } = this;
    this.tellers = new Tellers({
      time,
      trace,
      random: this.random.stream('tellers'),
      accounts: this.accounts,
      everyMs: this.odds.tellerMs,
      node: () => this.anyNode(),
      check: (check) => this.check(check),
      promised: (account, id) => this.#promisedTransfer(account, id),
    });
    this.faults = new Faults(this, this.random.stream('faults'));
    broken?.atBirth?.(this);
  }

  /** True once nothing goes wrong any more. */
  calm = false;

  /** Boots the nodes; the devices make their accounts and begin. */
  begin(): void {
    for (let i = 1; i <= this.odds.nodes; i++) this.addMachine()?.boot();
    for (const user of this.users) {
      for (let i = 1; i <= this.odds.devicesPerUser; i++) this.addDevice(user, `d${i}`, { registers: i === 1 }).start();
    }
    this.#beginWork();
  }

  /** Once the devices have their accounts: before that nothing is promised that could be broken. */
  #beginWork(): void {
    this.time.after(begin_look_ms, () => {
      if (!this.devices.every(({ online }) => online)) {
        this.#beginWork();
        return;
      }
      this.trace.note('world', 'work begins');
      for (const device of this.devices) this.people.use(device);
      this.tellers.start();
      this.faults.begin();
    });
  }

  heal(): void {
    this.calm = true;
    this.people.rest();
    this.tellers.rest();
    this.faults.heal();
  }

  addMachine(): Machine | undefined {
    if (this.machines.size >= machines_max) return undefined;
    const name = `n${this.machines.size + 1}`;
    const machine = new Machine(this, name, this.random.stream(`machine ${name}`));
    this.machines.set(name, machine);
    return machine;
  }

  addDevice(user: string, name: string, { registers = false, reads = true } = {}): Device {
    const random = this.random.stream(`device ${user} ${name}`);
    const { time, trace, internet } = this;
    const hosts = (): string[] => [...this.machines.keys()];
    const device = new Device(
      {
        time,
        trace,
        internet,
        hosts,
        check: (check) => this.check(check),
        promised: (history, event) => this.#promised(history, event),
      },
      { user, name, random, registers, reads },
    );
    this.devices.push(device);
    return device;
  }

  altered(ports: Ports): Ports {
    return this.#broken?.ports?.(ports, this) ?? ports;
  }

  /** A node that is up. */
  anyNode(): Node | undefined {
    const up = [...this.machines.values()].filter(({ state }) => state === 'up');
    return up.length === 0 ? undefined : this.random.pick(up).node;
  }

  partitionOf(address: string): PartitionId {
    return partitionOf(address, this.partitions);
  }

  /** Number of the newest event of a user's timeline, as the journal has it. */
  headOf(user: string): number {
    return this.#headsByUser.get(user) ?? 0;
  }

  #heads(rows: readonly (string | Uint8Array | null)[]): void {
    for (let i = 0; i < rows.length; i += 2) {
      const [actor = '', table = '', key = ''] = (rows[i] as string).split(' ');
      if (table !== 'tl') continue;
      const user = actor.slice('user/'.length);
      this.#headsByUser.set(user, Math.max(this.headOf(user), numberOf(key)));
    }
  }

  /** The accounts' dead letters, as the journal has them. */
  deadMail(): DeadMail {
    const ids = new Map<string, Set<string>>();
    let amount = 0;
    for (const rows of this.watch.rows.values()) {
      for (const [key, bytes] of rows) {
        if (!key.startsWith(' dead ')) continue;
        const { body } = quickCodec.unpack(bytes) as { readonly body: DeadBody };
        const id = body.id ?? body.tag ?? '';
        ids.set(body.kind, (ids.get(body.kind) ?? new Set()).add(id));
        if (body.kind === 'credit') amount += body.amount ?? 0;
      }
    }
    return { ids, amount };
  }

  /** A row of an actor as the journal has it. */
  row<V>(actor: string, table: string, key = ''): V | undefined {
    return this.watch.row<V>(this.partitionOf(actor), actor, table, key);
  }

  /** Runs a check; the first one that fails ends the run. */
  check(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.violation ??= error;
    }
  }

  #event(atMs: number): void {
    if (++this.steps > this.#stepsMax) {
      this.violation ??= new Violation('converges', `${this.steps} events, and no end`, []);
    }
    leave();
    this.trace.mix(atMs * 10_000);
  }

  // ---------------------------------------------------------------- A1: what was promised is durable

  #promised({ user, device }: History, event: ClientEvent): void {
    if (event.kind === 'accepted') this.#promisedMessage(user, device, event);
    else if ('n' in event && this.row(`user/${user}`, 'tl', numberKey(event.n)) === undefined) {
      throw new Violation('A1', `${user}/${device} was told of event ${event.n}, which is not durable`, [user]);
    }
  }

  #promisedMessage(user: string, device: string, { id, n }: Accepted): void {
    // A deed without an entry leaves nothing in the timeline.
    if (n === 0 || this.row<number>(`user/${user}`, 'mid', id) === n) return;
    throw new Violation('A1', `${user}/${device} was told that ${id} was accepted, which is not durable`, [user, id]);
  }

  #promisedTransfer(account: string, id: string): void {
    if (this.row(`account/${account}`, 'out', id) !== undefined) return;
    throw new Violation('A1', `transfer ${id} was said to be done, which is not durable`, [account, id]);
  }
}

const names = ['ann', 'bob', 'cleo', 'dan', 'eve', 'finn', 'gil'];
