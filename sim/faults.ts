/** What goes wrong in a simulated world, when, and how it is made good again. */

import type { Question } from '../runtime/index.ts';
import type { SimArchive } from './archive.ts';
import type { SimRandom, SimTime } from './clock.ts';
import type { Device } from './device.ts';
import type { Internet } from './internet.ts';
import type { SimLog } from './journal.ts';
import { type Machine, right_wall_ms } from './machine.ts';
import type { SimSwitchboard } from './network.ts';
import { type Mishap, mishaps, type Odds } from './odds.ts';
import type { SimRegister } from './ownership.ts';
import type { Trace } from './trace.ts';

export interface FaultsWorld {
  readonly time: SimTime;
  readonly trace: Trace;
  readonly odds: Odds;
  readonly partitions: number;
  readonly log: SimLog;
  readonly board: SimSwitchboard;
  readonly register: SimRegister;
  readonly archive: SimArchive;
  readonly internet: Internet;
  readonly machines: ReadonlyMap<string, Machine>;
  readonly devices: readonly Device[];
  /** A machine that was not there before; undefined when there are enough. */
  addMachine(): Machine | undefined;
}

type Range = readonly [least: number, most: number];
const outage_ms: Range = [300, 15_000];
const restart_ms: Range = [100, 15_000];
const pause_ms: Range = [100, 30_000];
const election_ms: Range = [4_000, 9_000];
const stall_ms: Range = [200, 20_000];
const flaps: Range = [3, 12];
const flap_ms: Range = [50, 1_500];
const clock_jump_ms = 3_600_000;

export class Faults {
  readonly fired = new Map<Mishap, number>();
  /** When trouble began, ms of simulated time. */
  begunMs = 0;
  readonly #world: FaultsWorld;
  readonly #random: SimRandom;
  readonly #time: SimTime;
  #over = false;
  /** What is wrong now and must be made good; some end by themselves. */
  readonly #repairs = new Set<() => void>();

  constructor(world: FaultsWorld, random: SimRandom) {
    this.#world = world;
    this.#random = random;
    this.#time = world.time;
  }

  /** From now on. */
  begin(): void {
    this.begunMs = this.#world.time.nowMs;
    this.#steady();
    for (const mishap of mishaps) this.#next(mishap);
  }

  /** Nothing goes wrong any more, and all that is wrong is made good. */
  heal(): void {
    this.#over = true;
    this.#world.trace.note('world', 'all is made good');
    for (const repair of [...this.#repairs]) repair();
    const { log, board, register, archive, internet, machines, devices } = this.#world;
    Object.assign(log.faults, { busy: 0, requestLost: 0, answerLost: 0, late: 0, readBroken: 0 });
    Object.assign(log.faults, { followBroken: 0, followLate: 0, followGap: 0 });
    log.loseLeader(0);
    Object.assign(board.faults, { loss: 0, listensUnknown: 0 });
    Object.assign(register.faults, { unavailable: 0, answerLost: 0 });
    Object.assign(archive.faults, { unavailable: 0, putRefused: 0, answerLost: 0, getBroken: 0, slow: 0 });
    Object.assign(internet.faults, { refused: 0, answerLost: 0 });
    internet.blocked.clear();
    for (const line of internet.lines) {
      line.stall(0);
      line.mend();
    }
    for (const machine of machines.values()) {
      machine.disk.faults.refused = 0;
      machine.goOn();
      // It may have been told while it was stopped.
      if (machine.node?.draining === true) machine.drain(false);
      machine.adjust();
      if (machine.state === 'down') machine.boot();
    }
    for (const device of devices) {
      device.storageRefuses = 0;
      device.clock.wallOffsetMs = right_wall_ms;
      device.boot();
    }
  }

  /** What goes wrong now and then with single requests, all the time. */
  #steady(): void {
    const { log, board, register, archive, internet, machines, odds } = this.#world;
    Object.assign(log.faults, odds.journal);
    log.idsFirst = odds.idsFirst;
    Object.assign(board.faults, {
      loss: odds.loss,
      delayMs: odds.networkMs,
      listensUnknown: this.#random.chance(0.5) ? 0.5 : 0,
    });
    Object.assign(register.faults, odds.register);
    Object.assign(archive.faults, odds.archive);
    Object.assign(internet.faults, odds.internet);
    for (const machine of machines.values()) machine.disk.faults.refused = odds.storeRefused;
    for (const device of this.#world.devices) device.storageRefuses = odds.storeRefused;
  }

  #next(mishap: Mishap): void {
    const meanMs = this.#world.odds.mishaps[mishap];
    if (meanMs === 0) return;
    this.#time.after(this.#random.exponential(meanMs), () => {
      if (this.#over) return;
      if (this.#happens[mishap]() !== false) this.fired.set(mishap, (this.fired.get(mishap) ?? 0) + 1);
      this.#next(mishap);
    });
  }

  /** Each makes something happen; false when there was nothing that it could happen to. */
  readonly #happens: { readonly [mishap in Mishap]: () => boolean | undefined } = {
    kill: () => this.#onMachine((machine) => this.#kill(machine)),
    'kill-all': () => {
      for (const machine of this.#up()) this.#kill(machine);
      return undefined;
    },
    'power-loss': () =>
      this.#onMachine((machine) => {
        machine.losePower(this.#random.chance(0.7));
        this.#bootLater(machine);
      }),
    pause: () =>
      this.#onMachine((machine) => {
        machine.pause();
        this.#endsAfter(pause_ms, () => machine.goOn());
      }),
    'clock-jump': () =>
      this.#onMachine((machine) => {
        const most = this.#random.pick([2_000, 60_000, clock_jump_ms]);
        machine.jump(this.#random.between(-most, most));
      }),
    cut: () => this.#cut(),
    isolate: () =>
      this.#onMachine((machine) => {
        this.#note(`${machine.name} is cut off`);
        machine.unplug(true);
        this.#endsAfter(outage_ms, () => machine.unplug(false));
      }),
    flap: () => this.#onMachine((machine) => this.#flap(machine, this.#random.between(...flaps))),
    'network-storm': () => {
      const { faults } = this.#world.board;
      const before = faults.loss;
      faults.loss = this.#random.pick([0.3, 0.6, 1]);
      this.#note(`${faults.loss * 100} % of all datagrams are lost`);
      this.#endsAfter(outage_ms, () => {
        faults.loss = before;
      });
      return undefined;
    },
    election: () => {
      this.#note('the journal has no leader');
      this.#world.log.loseLeader(this.#random.between(...election_ms));
      return undefined;
    },
    'journal-storm': () => this.#journalStorm(),
    'register-out': () => this.#outage('the register does not answer', this.#world.register.faults),
    'archive-out': () => this.#outage('the archive does not answer', this.#world.archive.faults),
    'store-full': () =>
      this.#onMachine(({ disk, name }) => {
        const before = disk.faults.refused;
        this.#note(`the disk of ${name} is full`);
        disk.faults.refused = 1;
        this.#endsAfter(outage_ms, () => {
          disk.faults.refused = before;
        });
      }),
    'store-damage': () => this.#damage(),
    drain: () =>
      this.#onMachine((machine) => {
        machine.drain(true);
        this.#endsAfter(outage_ms, () => machine.drain(false));
      }),
    leave: () =>
      this.#onMachine((machine) => {
        void machine.leave().then(() => this.#bootLater(machine));
      }),
    move: () => {
      const partition = this.#random.between(0, this.#world.partitions - 1);
      // Be it there or not.
      const to = this.#random.pick([...this.#world.machines.keys()]);
      return this.#ordered({ kind: 'move', partition, to }, `p${partition} is to move to ${to}`);
    },
    rebalance: () => this.#ordered({ kind: 'rebalance' }, 'the ring is to decide again'),
    join: () => {
      const machine = this.#world.addMachine();
      if (machine === undefined) return false;
      machine.disk.faults.refused = this.#world.odds.storeRefused;
      machine.boot();
      return undefined;
    },
    'edge-shed': () => this.#onMachine(({ edge }) => edge?.shed('overloaded')),
    'line-cut': () => this.#onLine((line) => line.cut()),
    'line-silent': () => this.#onLine((line) => line.silence()),
    'line-stall': () => this.#onLine((line) => line.stall(this.#random.between(...stall_ms))),
    'line-storm': () => {
      this.#note('all sockets break');
      for (const line of this.#world.internet.lines) line.cut();
      return undefined;
    },
    'device-crash': () => {
      const device = this.#random.pick(this.#world.devices);
      if (!device.isOn) return false;
      device.crash();
      this.#endsAfter(restart_ms, () => device.boot());
      return undefined;
    },
    'device-clock-jump': () => {
      const { clock } = this.#random.pick(this.#world.devices);
      const most = this.#random.pick([2_000, 60_000, clock_jump_ms]);
      clock.wallOffsetMs += this.#random.between(-most, most);
      return undefined;
    },
  };

  /** An operator asks it of any node. */
  #ordered(question: Question<'move' | 'rebalance'>, words: string): boolean {
    return this.#onMachine(({ name, node }) => {
      const { trace } = this.#world;
      trace.note(name, `an operator: ${words}`);
      void node?.inspect(question).then((answer) => {
        trace.note(name, `${words}: ${answer.kind === 'none' ? answer.words : 'written'}`);
      });
    });
  }

  #kill(machine: Machine): void {
    machine.kill();
    this.#bootLater(machine);
  }

  #bootLater(machine: Machine): void {
    this.#endsAfter(restart_ms, () => machine.boot());
  }

  /** Between two nodes, one way or both. */
  #cut(): boolean {
    const names = this.#up().map(({ name }) => name);
    if (names.length < 2) return false;
    const from = this.#random.pick(names);
    const to = this.#random.pick(names.filter((name) => name !== from));
    const both = this.#random.chance(0.5);
    const { board } = this.#world;
    this.#note(`nothing passes from ${from} to ${to}${both ? ', nor back' : ''}`);
    board.cut(from, to);
    if (both) board.cut(to, from);
    this.#endsAfter(outage_ms, () => {
      board.heal(from, to);
      board.heal(to, from);
    });
    return true;
  }

  #flap(machine: Machine, times: number): void {
    if (times === 0) return;
    machine.unplug(true);
    this.#endsAfter(flap_ms, () => {
      machine.unplug(false);
      if (!this.#over) this.#time.after(this.#random.between(...flap_ms), () => this.#flap(machine, times - 1));
    });
  }

  #journalStorm(): undefined {
    const { faults } = this.#world.log;
    const before = { ...faults };
    for (const fault of ['busy', 'requestLost', 'answerLost', 'late', 'readBroken', 'followBroken'] as const) {
      if (this.#random.chance(0.4)) faults[fault] = this.#random.pick([0.3, 0.6, 0.9]);
    }
    this.#note('a storm in the journal');
    this.#endsAfter(outage_ms, () => Object.assign(faults, before));
    return undefined;
  }

  #outage(words: string, faults: { unavailable: number }): undefined {
    const before = faults.unavailable;
    this.#note(words);
    faults.unavailable = 1;
    this.#endsAfter(outage_ms, () => {
      faults.unavailable = before;
    });
    return undefined;
  }

  #damage(): boolean {
    const machine = this.#random.pick([...this.#world.machines.values()]);
    const held = [...machine.disk.committed].filter(([, rows]) => rows.size > 0);
    if (held.length === 0) return false;
    const [partition, rows] = this.#random.pick(held);
    const key = this.#random.chance(0.7) ? this.#random.pick(rows.keys('', '\uffff')) : undefined;
    this.#note(`on ${machine.name}, p${partition}: ${key === undefined ? 'all rows are' : `row '${key}' is`} damaged`);
    machine.disk.damage(partition, key);
    return true;
  }

  // ---------------------------------------------------------------- who and how long

  #up(): Machine[] {
    return [...this.#world.machines.values()].filter(({ state }) => state === 'up');
  }

  #onMachine(what: (machine: Machine) => void): boolean {
    const up = this.#up();
    if (up.length === 0) return false;
    what(this.#random.pick(up));
    return true;
  }

  #onLine(what: (line: Internet['lines'] extends Set<infer Line> ? Line : never) => void): boolean {
    const lines = [...this.#world.internet.lines];
    if (lines.length === 0) return false;
    what(this.#random.pick(lines));
    return true;
  }

  #endsAfter(range: Range, repair: () => void): void {
    const end = (): void => {
      if (this.#repairs.delete(end)) repair();
    };
    this.#repairs.add(end);
    this.#time.after(this.#random.between(...range), end);
  }

  #note(words: string): void {
    this.#world.trace.note('world', words);
  }
}
