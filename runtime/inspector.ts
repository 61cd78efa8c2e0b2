/** Answers what an operator asks of this node: about the node, and about the partitions that it serves. It only looks, but for a few orders. */
import type { Address } from './actor.ts';
import type { DeadLetter } from './dead-letter.ts';
import {
  type ActorEntry,
  type ActorReport,
  type Answer,
  type ChannelReport,
  type FoundLetter,
  found,
  type Inspected,
  type NodeReport,
  none,
  type PartitionReport,
  type Question,
  type QuestionKind,
  type Questions,
  type RowOrigin,
  type VerifyReport,
} from './inspection.ts';
import type { Limits } from './limits.ts';
import type { Partition } from './partition.ts';
import type { Pins } from './pins.ts';
import type { PartitionId, Ports } from './ports.ts';
import { originOf } from './row-origins.ts';
import { roughBytes } from './size.ts';
import type { SnapshotStatus } from './snapshots/snapshots.ts';
import { SourceSilent } from './snapshots/sources.ts';
import { SnapshotAbandoned } from './snapshots/tenure.ts';
import { storedActors, storedTables } from './stored.ts';
import type { Told } from './told.ts';
import { partitionRows } from './turn.ts';

export interface InspectorHost {
  readonly ports: Pick<Ports, 'clock' | 'timers' | 'store' | 'log' | 'journal' | 'codec'>;
  readonly limits: Limits;
  readonly partitions: number;
  readonly pins: Pins;
  readonly told: Told;
  node(): NodeReport;
  served(): Iterable<Partition>;
  serving(id: PartitionId): Partition | undefined;
  snapshotOf(id: PartitionId): SnapshotStatus | undefined;
  snapshotNow(id: PartitionId): Promise<void>;
  verify(id: PartitionId): Promise<VerifyReport>;
  rebuild(id: PartitionId): void;
  /** Appends what is open, and gives turns to who has mail. */
  push(): void;
  drain(draining: boolean): void;
}

/** Of any page. */
const page_max = 500;
/** Of the mails of one mailbox. */
const kinds_shown_max = 50;
/** For a record to become durable. */
const durable_wait_ms = 10_000;
const durable_look_ms = 5;

type About<K extends QuestionKind> = Extract<Question, { kind: K }>;
type Answers = {
  readonly [K in QuestionKind]: (ask: About<K>) => Inspected<Answer<K>> | Promise<Inspected<Answer<K>>>;
};

export class Inspector {
  readonly #host: InspectorHost;
  readonly #answers: Answers;
  readonly #verifying = new Map<PartitionId, Promise<VerifyReport>>();

  constructor(host: InspectorHost) {
    this.#host = host;
    this.#answers = {
      node: () => found(host.node()),
      partitions: () => found([...host.served()].map((partition) => this.#report(partition))),
      channels: (ask) => this.#at(ask.partition, (partition) => found(channelsOf(partition, host.partitions))),
      actors: (ask) => this.#at(ask.partition, (partition) => this.#actors(partition, ask)),
      actor: (ask) => this.#at(ask.partition, (partition) => this.#actor(partition, ask.address)),
      rows: (ask) => this.#at(ask.partition, (partition) => this.#rows(partition, ask)),
      deadLetters: (ask) => this.#at(ask.partition, (partition) => this.#letters(partition, ask)),
      deadLetter: (ask) => this.#at(ask.partition, (partition) => letterOf(partition, ask.id)),
      replay: (ask) => this.#at(ask.partition, (partition) => this.#bring(partition, ask.id, true)),
      drop: (ask) => this.#at(ask.partition, (partition) => this.#bring(partition, ask.id, false)),
      drain: ({ draining }) => {
        host.drain(draining);
        return found(true);
      },
      events: (ask) => found(host.told.chronicle.page(ask)),
      mail: (ask) => host.told.samples.news(ask),
      snapshot: (ask) => this.#at(ask.partition, () => host.snapshotNow(ask.partition).then(() => found(true))),
      mayMove: ({ partition, to }) => this.#at(partition, () => host.pins.mayMove(partition, to)),
      move: ({ partition, to }) => this.#at(partition, () => host.pins.move(partition, to)),
      rebalance: () => host.pins.rebalance(),
      origin: (ask) => this.#at(ask.partition, () => this.#origin(ask)),
      verify: (ask) => this.#at(ask.partition, () => this.#verify(ask.partition)),
      rebuild: (ask) => this.#at(ask.partition, () => this.#rebuild(ask.partition)),
    };
  }

  /** Never rejects. A question that is not known here, from a newer node, has no answer. */
  async answer(question: Question): Promise<Inspected<unknown>> {
    const kind = question?.kind;
    if (!Object.hasOwn(this.#answers, kind))
      return none(
        'older',
        `node ${this.#host.node().node} is older and does not know the question "${String(kind)}": nothing was done`,
      );
    try {
      return await (this.#answers[kind] as (ask: Question) => Promise<Inspected<unknown>>)(question);
    } catch (error) {
      this.#host.ports.log.warn({ error, question: kind }, 'what an operator asked failed');
      return none('failed', error instanceof Error ? error.message : String(error));
    }
  }

  #at<T>(
    id: PartitionId,
    look: (partition: Partition) => Inspected<T> | Promise<Inspected<T>>,
  ): Inspected<T> | Promise<Inspected<T>> {
    const partition = this.#host.serving(id);
    return partition === undefined ? none('no owner', `partition ${id} is not served here`) : look(partition);
  }

  #report(partition: Partition): PartitionReport {
    const { id, position, mailboxes, outbox, overlay, written } = partition;
    let awakeActors = 0;
    for (const cell of mailboxes.cells.values()) if (cell.awake) awakeActors++;
    return {
      partition: id,
      epoch: position.epoch,
      number: position.number,
      chain: position.chain,
      awakeActors,
      waitingMails: mailboxes.waiting,
      outboxMails: outbox.waiting,
      rowsWaiting: overlay.committedRows,
      recordBytes: written.bytes,
      rates: written.rates(this.#host.ports.clock.monotonicMs()),
      snapshot: this.#host.snapshotOf(id),
    };
  }

  // ---------------------------------------------------------------- actors

  #actors(
    { id, mailboxes, overlay }: Partition,
    { prefix, after, limit }: Questions['actors']['ask'],
  ): Inspected<Answer<'actors'>> {
    const most = Math.min(limit, page_max);
    const isNext = (address: Address): boolean => address.startsWith(prefix) && address > after;
    const addresses = new Set<Address>(storedActors(this.#host.ports.store, id, prefix, after, most + 1));
    for (const address of overlay.freshActors())
      if (address !== partitionRows && isNext(address)) addresses.add(address);
    for (const [address, cell] of mailboxes.cells) if (cell.awake && isNext(address)) addresses.add(address);
    const sorted = [...addresses].sort();
    const list = sorted.slice(0, most).map((address): ActorEntry => {
      const cell = mailboxes.cells.get(address);
      return { address, awake: cell?.awake ?? false, waitingMails: cell?.waiting ?? 0 };
    });
    return found({ list, next: sorted.length > most ? (list.at(-1)?.address ?? '') : '' });
  }

  #actor({ id, position, mailboxes, overlay }: Partition, address: Address): Inspected<ActorReport> {
    const tables = new Set([...storedTables(this.#host.ports.store, id, address), ...overlay.freshTables(address)]);
    const cell = mailboxes.cells.get(address);
    if (tables.size === 0 && cell === undefined) return none('absent', `there is no actor ${address}`);
    const awake = cell?.awake ?? false;
    const timers = overlay.range<string>(address, '$timer', { limit: page_max }).map(([name, row]) => {
      const mail = overlay.get<{ kind: string }>(partitionRows, 'timer', row);
      return { name, at: Number(row.slice(0, row.indexOf(' '))), mail: mail?.kind ?? '' };
    });
    return found({
      address,
      partition: id,
      epoch: position.epoch,
      awake,
      idleMs: awake && cell !== undefined ? this.#host.ports.clock.monotonicMs() - cell.lastMailMs : 0,
      waitingMails: cell?.kinds(kinds_shown_max) ?? [],
      tables: [...tables].filter((table) => table !== '$timer').sort(),
      timers,
      turns: mailboxes.watch(address, this.#host.ports.clock.monotonicMs()).notes,
    });
  }

  /** As many as a datagram carries well. */
  #rows({ overlay }: Partition, { address, table, after, limit }: Questions['rows']['ask']): Inspected<Answer<'rows'>> {
    const most = Math.min(limit, page_max);
    const rows = overlay.range<unknown>(address, table, { ...(after !== '' && { from: after }), limit: most + 2 });
    return found(
      pageOf(
        rows.filter(([key]) => after === '' || key > after).map(([key, value]) => ({ key, value })),
        most,
        ({ key }) => key,
        this.#host.limits.datagram_bytes_max / 4,
      ),
    );
  }

  async #origin(ask: Questions['origin']['ask']): Promise<Inspected<RowOrigin>> {
    const origin = await originOf(ask.partition, ask, this.#host.ports);
    if (origin !== undefined) return found(origin);
    return none('absent', 'the journal no longer has its record, or not near that time');
  }

  // ---------------------------------------------------------------- verification

  /** Whoever asks while one is under way gets its answer. */
  async #verify(id: PartitionId): Promise<Inspected<VerifyReport>> {
    const verifying = this.#verifying.get(id) ?? this.#host.verify(id).finally(() => this.#verifying.delete(id));
    this.#verifying.set(id, verifying);
    try {
      return found(await verifying);
    } catch (error) {
      if (error instanceof SnapshotAbandoned) return none('no owner', `partition ${id} changed its owner meanwhile`);
      if (error instanceof SourceSilent) return none('not possible', error.message);
      throw error;
    }
  }

  async #rebuild(id: PartitionId): Promise<Inspected<VerifyReport>> {
    const verified = await this.#verify(id);
    if (verified.kind === 'none') return verified;
    const { broken, expected, found: hash } = verified.value;
    const isSourceSound = broken === 'store' || (broken === '' && expected === hash);
    if (!isSourceSound)
      return none('not possible', 'its snapshot and journal are not sound: nothing else could be built');
    // Of one that is damaged it is under way.
    if (broken === '') this.#host.rebuild(id);
    return verified;
  }

  // ---------------------------------------------------------------- dead letters

  #letters(
    { overlay }: Partition,
    { after, limit }: Questions['deadLetters']['ask'],
  ): Inspected<Answer<'deadLetters'>> {
    const most = Math.min(limit, page_max);
    const rows = overlay.range<DeadLetter>(partitionRows, 'dead', {
      ...(after !== '' && { from: after }),
      limit: most + 2,
    });
    const letters = rows.filter(([id]) => id > after).map(([id, letter]): FoundLetter => ({ ...letter, id }));
    return found(pageOf(letters, most, ({ id }) => id, this.#host.limits.datagram_bytes_max / 4));
  }

  /** The letter goes, and with it, in the same record, its mail comes: it has its turn exactly once. */
  async #bring(partition: Partition, id: string, again: boolean): Promise<Inspected<true>> {
    const letter = letterOf(partition, id);
    if (letter.kind === 'none') return letter;
    const { to, from, body } = letter.value;
    partition.overlay.put(partitionRows, 'dead', id, undefined);
    partition.amend(again ? { to, from, body, asker: undefined } : undefined);
    const number = partition.position.number + (partition.inFlight === undefined ? 1 : 2);
    this.#host.push();
    const endMs = this.#host.ports.clock.monotonicMs() + durable_wait_ms;
    while (partition.position.number < number) {
      if (partition.stopped || this.#host.ports.clock.monotonicMs() > endMs)
        return none('no answer', 'the partition changed its owner meanwhile: look whether the letter is still there');
      await new Promise<void>((resolve) => {
        this.#host.ports.timers.after(durable_look_ms, resolve);
      });
    }
    return found(true);
  }
}

function letterOf({ id: at, overlay }: Partition, id: string): Inspected<FoundLetter> {
  const letter = overlay.get<DeadLetter>(partitionRows, 'dead', id);
  return letter === undefined ? none('absent', `partition ${at} has no dead letter "${id}"`) : found({ ...letter, id });
}

function channelsOf({ inbox, outbox }: Partition, partitions: number): ChannelReport[] {
  return Array.from({ length: partitions }, (_, partition) => {
    const { nextSeq, settled, waiting } = outbox.channel(partition);
    return { partition, nextSeq, settled, waiting, watermark: inbox.channel(partition).watermark };
  });
}

/** As many as are wanted and `bytes` holds; at least one. */
function pageOf<T>(
  all: readonly T[],
  most: number,
  idOf: (one: T) => string,
  bytes: number,
): { list: T[]; next: string } {
  const list: T[] = [];
  let left = bytes;
  for (const one of all) {
    left -= roughBytes(one);
    if (list.length >= most || (left < 0 && list.length > 0)) break;
    list.push(one);
  }
  const last = list.at(-1);
  return { list, next: last !== undefined && list.length < all.length ? idOf(last) : '' };
}
