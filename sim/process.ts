/** One simulated process: what it holds of the world, and how it is stopped in its tracks, or ended. */
import type { Codec, JournalEntry, Log, NodeId, Ports } from '../runtime/ports.ts';
import type { SimArchive } from './archive.ts';
import { SimClock, type SimRandom, type SimTime } from './clock.ts';
import { simCodec } from './codec.ts';
import type { SimLog } from './journal.ts';
import type { SimSwitchboard } from './network.ts';
import type { SimRegister } from './ownership.ts';
import type { SimDisk } from './store.ts';

/** What all processes share. */
export interface Surroundings {
  readonly time: SimTime;
  readonly log: SimLog;
  readonly board: SimSwitchboard;
  readonly register: SimRegister;
  readonly archive: SimArchive;
}

export interface ProcessOptions {
  readonly name: NodeId;
  readonly disk: SimDisk;
  /** Of this process alone. */
  readonly random: SimRandom;
  readonly log: Log;
  readonly appendWaitMs?: number;
  /** The strict one unless told otherwise. */
  readonly codec?: Codec;
}

/** Something a process does while it is stopped (`kill -STOP`): it happens when it goes on. */
class Pause {
  #held: (() => void)[] | undefined;
  #gone = false;

  stop(): void {
    this.#held ??= [];
  }

  goOn(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const run of held) this.run(run);
  }

  end(): void {
    this.#gone = true;
    this.#held = undefined;
  }

  run(what: () => void): void {
    if (this.#gone) return;
    if (this.#held === undefined) what();
    else this.#held.push(what);
  }

  async result<T>(of: Promise<T>): Promise<T> {
    const settled = await of.then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error;
      },
    );
    await new Promise<void>((resolve) => this.run(resolve));
    return settled();
  }

  async *each<T>(of: AsyncIterable<T>): AsyncIterable<T> {
    const iterator = of[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.result(iterator.next());
        if (done === true) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
}

export class SimProcess {
  readonly name: NodeId;
  readonly clock: SimClock;
  readonly ports: Ports;
  readonly #pause = new Pause();
  readonly #disk: SimDisk;
  readonly #links: readonly { crash(): void }[];
  readonly #cables: readonly { connected: boolean }[];
  readonly #board: SimSwitchboard;

  constructor({ time, log, board, register, archive }: Surroundings, options: ProcessOptions) {
    const { name, disk, random, appendWaitMs = 500, codec = simCodec } = options;
    this.name = name;
    this.#disk = disk;
    this.clock = new SimClock(time);
    const journal = log.connect(appendWaitMs);
    const network = board.plug(name);
    const ownership = register.connect();
    const segments = archive.connect();
    this.#links = [this.clock, journal, network, ownership, segments];
    this.#cables = [journal, ownership, segments];
    this.#board = board;
    const pause = this.#pause;
    this.ports = {
      clock: this.clock,
      timers: pausedTimers(this.clock, pause),
      random,
      codec,
      network: {
        self: name,
        send: (to, bytes) => network.send(to, bytes),
        broadcast: (bytes) => network.broadcast(bytes),
        listen: (receive) => network.listen((bytes) => pause.run(() => receive(bytes))),
        connected: () => network.connected(),
        listens: (node) => pause.result(network.listens(node)),
        close: () => network.close(),
      },
      journal: pausedJournal(journal, pause),
      ownership: {
        read: () => pause.result(ownership.read()),
        write: (version, value) => pause.result(ownership.write(version, value)),
        close: () => ownership.close(),
      },
      store: pausedStore(disk.open(), pause),
      archive: pausedArchive(segments, pause),
      log: options.log,
    };
  }

  /** Something from outside happens to this process: now, or when it goes on; not at all when it is gone. */
  run(what: () => void): void {
    this.#pause.run(what);
  }

  /** `kill -9`: nothing that it waits for comes any more; what it has sent may still arrive. */
  kill(): void {
    this.#pause.end();
    for (const link of this.#links) link.crash();
    this.#disk.kill();
  }

  /** Cut off from all others and from what they share, and aware of it, until `unplugged` is false. */
  unplug(unplugged: boolean): void {
    this.#board.isolate(this.name, unplugged);
    for (const cable of this.#cables) cable.connected = !unplugged;
  }

  /** `kill -STOP` */
  pause(): void {
    this.#pause.stop();
  }

  /** `kill -CONT` */
  goOn(): void {
    this.#pause.goOn();
  }
}

function pausedTimers(clock: SimClock, pause: Pause): Ports['timers'] {
  return {
    after(ms, run) {
      let cancelled = false;
      const cancel = clock.after(ms, () => pause.run(() => !cancelled && run()));
      return () => {
        cancelled = true;
        cancel();
      };
    },
    soon: (run) => clock.soon(() => pause.run(run)),
  };
}

function pausedJournal(journal: Ports['journal'], pause: Pause): Ports['journal'] {
  return {
    append: (batch) => pause.result(journal.append(batch)),
    last: (partition) => pause.result(journal.last(partition)),
    read: (partition, from, to): AsyncIterable<JournalEntry> => pause.each(journal.read(partition, from, to)),
    follow(after) {
      const following = journal.follow(after);
      return { next: () => pause.result(following.next()), stop: () => following.stop() };
    },
    truncate: (beforeSeq) => pause.result(journal.truncate(beforeSeq)),
    close: () => journal.close(),
  };
}

function pausedStore(store: Ports['store'], pause: Pause): Ports['store'] {
  return {
    get: (partition, key) => store.get(partition, key),
    range: (partition, range) => store.range(partition, range),
    verify: (partition, after, rowsMax) => store.verify(partition, after, rowsMax),
    write: (writes) => pause.result(store.write(writes)),
    flushed: () => pause.result(store.flushed()),
    drop: (partition) => pause.result(store.drop(partition)),
    close: () => store.close(),
  };
}

function pausedArchive(archive: Ports['archive'], pause: Pause): Ports['archive'] {
  return {
    put: (name, parts) => pause.result(archive.put(name, parts)),
    get: (name) => pause.each(archive.get(name)),
    names: (partition) => pause.result(archive.names(partition)),
    remove: (name) => pause.result(archive.remove(name)),
    pointer: (partition) => pause.result(archive.pointer(partition)),
    point: (partition, version, bytes) => pause.result(archive.point(partition, version, bytes)),
    close: () => archive.close(),
  };
}
