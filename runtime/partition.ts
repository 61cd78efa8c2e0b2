/**
 * One partition at its owner: its actors, its open record, its gate. Turns gather into the open record while the one before is being
 * appended; at most one of its records is in flight (A2).
 */
import type { Address } from './actor.ts';
import { type Cell, type Mail, volatileMail } from './cell.ts';
import type { Inbox, Outbox } from './channel.ts';
import { deadLetter } from './dead-letter.ts';
import { Delays } from './delays.ts';
import { DueTimers } from './due-timers.ts';
import { type FollowedSends, followAppend, followIn, followTurn } from './following.ts';
import { InnerMail } from './inner-mail.ts';
import type { Limits } from './limits.ts';
import { Mailboxes } from './mailboxes.ts';
import { OpenRecord, type SealedRecord } from './open-record.ts';
import { Overlay } from './overlay.ts';
import type { PartitionHost } from './partition-host.ts';
import { type PartitionId, StoreDamaged } from './ports.ts';
import { gated, measured } from './probing.ts';
import type { ChannelMail, Taken } from './record.ts';
import { roughBytes } from './size.ts';
import type { JournalPosition, Standing } from './standing.ts';
import {
  type Effects,
  type OutMail,
  type Output,
  partitionRows,
  recordBytes,
  type TurnHost,
  takeTurn,
  timeKey,
} from './turn.ts';
import { Written } from './written.ts';

export class Partition implements TurnHost {
  readonly id: PartitionId;
  readonly standing: Standing;
  readonly position: Readonly<JournalPosition>;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  /** Watermarks as of the last committed record. */
  readonly committedTaken: Map<PartitionId, Taken>;
  readonly overlay: Overlay;
  readonly timers: DueTimers;
  readonly counts: boolean;
  /** No more turns and no more mail; what is under way still becomes durable (it is being handed over). */
  closing = false;
  /** Nothing more at all, the local store included: it was fenced, or dropped. */
  stopped = false;
  readonly mailboxes: Mailboxes;
  /** Of the records that were committed here. */
  readonly written = new Written();
  /** Nobody else had written here by then, monotonic ms: when the last append that was acknowledged began. */
  provenMs = Number.NEGATIVE_INFINITY;
  readonly #host: PartitionHost;
  readonly #inner: InnerMail;
  #open = new OpenRecord();
  #sealed: SealedRecord | undefined;
  #ids = 0;
  readonly #delays: Delays;

  constructor(standing: Standing, host: PartitionHost) {
    const { id } = standing;
    this.id = id;
    this.standing = standing;
    this.position = standing.position;
    this.outbox = standing.outbox;
    this.inbox = standing.inbox;
    this.committedTaken = standing.taken;
    this.#host = host;
    this.counts = host.ports.probe !== undefined;
    this.#delays = new Delays(host.ports.timers);
    this.#inner = new InnerMail(id, this.outbox, this.inbox);
    this.overlay = new Overlay(id, host.ports.store, host.ports.codec);
    this.timers = new DueTimers(this, host);
    this.mailboxes = new Mailboxes({
      mailbox_mails_max: host.limits.mailbox_mails_max,
      behaviourOf: (address) => host.behaviourOf(address),
      ready: (cell) => host.ready(this, cell),
    });
  }

  get running(): boolean {
    return !this.stopped && !this.closing;
  }

  // ---------------------------------------------------------------- mail in

  /** Volatile mail, from a socket, an ask or another actor's whisper. */
  deliver(mail: Mail): 'ok' | 'full' {
    const bound = this.pressedBy ?? (this.mailboxes.put(mail, false) ? undefined : 'mailbox_mails_max');
    if (bound === undefined) return 'ok';
    this.#host.ports.probe?.count('bounds_reached', `runtime.${bound}`, 1);
    return 'full';
  }

  /** The bound that is reached, if any: what is not durable yet is refused until it eases (A9). */
  get pressedBy(): keyof Limits | undefined {
    const { limits } = this.#host;
    if (this.mailboxes.waiting >= limits.partition_mails_max) return 'partition_mails_max';
    if (this.gateOutputs >= limits.gate_outputs_max) return 'gate_outputs_max';
    if (this.overlay.committedRows >= limits.store_rows_waiting_max) return 'store_rows_waiting_max';
    return this.outbox.full ? 'outbox_mails_max' : undefined;
  }

  get gateOutputs(): number {
    return this.#open.outputs.length;
  }

  /** Durable mail by a channel. What is not accepted stays with its sender, who sends it again. */
  receive(from: PartitionId, mails: readonly ChannelMail[]): void {
    const channel = this.inbox.channel(from);
    let old = false;
    for (const mail of mails) {
      const { partition_mails_max, store_rows_waiting_max } = this.#host.limits;
      if (this.mailboxes.waiting >= partition_mails_max || this.overlay.committedRows >= store_rows_waiting_max) break;
      const verdict = channel.accept(mail.seq);
      if (verdict === 'gap') break;
      if (verdict === 'old') old = true;
      else {
        const { to, from: sender, body, asker, seq, trace } = mail;
        const origin = { kind: 'channel', from, seq } as const;
        const arrived = { to, body, from: sender, asker, origin, tries: 0, trace: undefined };
        this.mailboxes.put(followIn(this.#host.ports.tracer, arrived, trace, 'mail'), true);
      }
    }
    const committed = this.committedTaken.get(from)?.watermark ?? 0;
    if (old && committed > 0) this.#host.settle(this, from, committed);
  }

  /** Mail of a durable timer that is due. */
  fire(to: Address, body: { readonly kind: string }, row: string, name: string): void {
    const origin = { kind: 'timer', row, name } as const;
    this.mailboxes.put({ to, body, from: undefined, asker: undefined, origin, tries: 0, trace: undefined }, true);
  }

  // ---------------------------------------------------------------- turns

  /** Runs the next mail of a cell. */
  runOne(cell: Cell, nowMs: number): void {
    const mail = cell.first();
    if (mail === undefined || !this.running) return;
    const { told, ports } = this.#host;
    const { clock, probe } = ports;
    cell.lastMailMs = clock.monotonicMs();
    if (mail.origin?.kind === 'timer') {
      const body = this.timers.bodyOf(mail.to, mail.origin.row, mail.origin.name);
      if (body === undefined) {
        this.#finish(cell, mail);
        return;
      }
      mail.body = body;
    }
    let effects: Effects;
    let bytes: number;
    try {
      if (mail.origin?.kind === 'timer') this.timers.clear(mail.to, mail.origin.row, mail.origin.name);
      effects = takeTurn(this, cell, mail, nowMs);
      bytes = recordBytes(effects, this.overlay.takeWrittenBytes(), this.#host.limits);
    } catch (error) {
      this.overlay.rollBack();
      this.overlay.takeWrittenBytes();
      // No fault of the turn's: the partition is to be rebuilt, and its mail to come again.
      if (error instanceof StoreDamaged) throw error;
      this.#failed(cell, mail, error);
      return;
    }
    if (cell.log !== undefined) this.mailboxes.noteTurn(cell, mail, clock, this.overlay.writes, effects);
    this.overlay.keep();
    this.#take(mail);
    this.#open.bytes += bytes;
    const followed = followTurn(this.#host, cell, mail, false);
    this.#gather(cell, effects, followed);
    this.#finish(cell, mail);
    if (told?.samples.active) told.samples.take(this.id, mail, cell.lastMailMs);
    if (followed !== undefined && this.dirty) this.#open.follow(followed);
    if (probe !== undefined) {
      const endMs = measured(probe, cell, clock.monotonicMs(), effects.counts);
      // Otherwise it waits for nothing, and there may be no record for long.
      if (this.dirty) this.#open.endsMs.push(endMs);
    }
    if (effects.asleep && cell.waiting === 0) this.putToSleep(cell);
  }

  /** The open record is as large as a record may be: no turn until it is sealed. */
  get brimming(): boolean {
    return this.#open.bytes >= this.#host.limits.record_bytes_max;
  }

  putToSleep(cell: Cell): void {
    cell.rest();
    this.mailboxes.cells.delete(cell.address);
    this.overlay.release(cell.address);
  }

  partitionOf(address: Address): PartitionId {
    return this.#host.partitionOf(address);
  }

  uniqueId(): string {
    return `${this.id.toString(36)}-${this.position.epoch.toString(36)}-${(++this.#ids).toString(36)}`;
  }

  #finish(cell: Cell, mail: Mail): void {
    this.mailboxes.shift(cell);
    if (mail.origin?.kind === 'timer') this.timers.fired(mail.origin.row);
  }

  #take(mail: Mail): void {
    const { origin } = mail;
    if (origin?.kind === 'neighbour') this.#inner.done(mail);
    if (origin?.kind !== 'channel') return;
    this.inbox.channel(origin.from).done(origin.seq);
    this.#open.take(origin.from, this.#host.limits.channel_window_mails);
  }

  #gather(cell: Cell, effects: Effects, followed: FollowedSends | undefined): void {
    const { mails, outputs } = effects;
    this.#open.turns++;
    followed?.mark(effects);
    if (mails !== undefined) for (const mail of mails) this.#post(mail);
    if (outputs !== undefined) for (const output of outputs) this.#output(output);
    if (effects.confirmed) this.#open.needed = true;
    if (effects.timerAtMs !== Number.POSITIVE_INFINITY) this.timers.setAt(effects.timerAtMs);
    if (effects.delayed !== undefined) for (const { ms, body } of effects.delayed) this.#later(cell, ms, body);
  }

  #post(mail: OutMail): void {
    const destination = this.#host.partitionOf(mail.to);
    const inner = destination === this.id ? this.#inner.add(mail) : undefined;
    if (inner !== undefined) this.mailboxes.put(inner, true);
    else this.#open.send(destination, { seq: this.outbox.channel(destination).nextSeq++, ...mail });
  }

  /**
   * A whisper within the partition leaves nothing, so it needs no gate: what it causes to leave waits there itself. Nor is it ever refused: it is
   * part of a turn that was taken, and the bound on all of the partition's mail holds back what would cause more.
   */
  #output(output: Output): void {
    if (output.kind !== 'whisper' || this.#host.partitionOf(output.to) !== this.id) {
      this.#open.outputs.push(output);
      return;
    }
    const { to, body, from, trace } = output;
    this.mailboxes.put(volatileMail(to, from, body, trace), true);
  }

  #later(cell: Cell, ms: number, body: { readonly kind: string }): void {
    this.#delays.after(ms, () => {
      if (this.stopped || this.mailboxes.cells.get(cell.address) !== cell || !cell.awake) return;
      this.mailboxes.put(volatileMail(cell.address, undefined, body), true);
    });
  }

  #failed(cell: Cell, mail: Mail, error: unknown): void {
    const { limits, ports } = this.#host;
    followTurn(this.#host, cell, mail, true);
    this.mailboxes.noteTurn(cell, mail, ports.clock, 0, { threw: error });
    cell.spoil();
    mail.tries++;
    ports.probe?.count('turns_failed', cell.behaviour?.kind ?? '', 1);
    const about = { partition: this.id, kind: cell.behaviour?.kind, mail: mail.body.kind, tries: mail.tries, error };
    if (mail.origin === undefined) {
      ports.log.error(about, 'a turn threw; its mail was refused');
      if (mail.asker !== undefined && typeof mail.asker.to !== 'string') {
        const [node, incarnation, ask] = mail.asker.to;
        this.#open.outputs.push({ kind: 'refusal', node, incarnation, ask, why: 'failed' });
      }
      this.#finish(cell, mail);
      return;
    }
    if (mail.tries < limits.turn_tries_max) {
      ports.log.warn(about, 'a turn threw; its mail will be tried again');
      this.#rest(cell, limits.turn_retry_ms * 2 ** (mail.tries - 1));
      return;
    }
    ports.log.error(about, 'a turn threw too often; its mail is a dead letter');
    this.#bury(cell, mail, error);
  }

  /** Nothing happens here any more. */
  stop(): void {
    this.stopped = true;
    this.timers.stop();
    this.#delays.stop();
  }

  #rest(cell: Cell, ms: number): void {
    cell.resting = true;
    this.#delays.after(ms, () => {
      cell.resting = false;
      if (this.running && cell.waiting > 0) this.#host.ready(this, cell);
    });
  }

  /** A dead letter is a row of the partition, for an operator to read and replay; its channel goes on. */
  #bury(cell: Cell, mail: Mail, error: unknown): void {
    const { clock, probe } = this.#host.ports;
    const at = clock.wallMs();
    probe?.count('dead_letters', '', 1);
    this.#host.told?.chronicle.note({ kind: 'deadLetter', partition: this.id, why: mail.body.kind });
    if (mail.origin?.kind === 'timer') this.timers.clear(mail.to, mail.origin.row, mail.origin.name);
    this.overlay.put(partitionRows, 'dead', `${timeKey(at)} ${this.uniqueId()}`, deadLetter(mail, error, at));
    this.overlay.keep();
    this.#open.bytes += this.overlay.takeWrittenBytes();
    this.#take(mail);
    this.#open.turns++;
    this.#finish(cell, mail);
  }

  /** An operator's word: takes what was written into the overlay into the open record, with durable mail that goes along with it. */
  amend(mail?: OutMail): void {
    this.overlay.keep();
    this.#open.bytes += this.overlay.takeWrittenBytes() + roughBytes(mail?.body);
    this.#open.turns++;
    if (mail !== undefined) this.#post(mail);
  }

  // ---------------------------------------------------------------- records

  get inFlight(): SealedRecord | undefined {
    return this.#sealed;
  }

  /** True when there is something that only a record makes durable. */
  get dirty(): boolean {
    const { mails, taken, needed } = this.#open;
    return this.overlay.openRows > 0 || mails.size > 0 || this.#inner.waiting > 0 || taken.size > 0 || needed;
  }

  /** The next record is written even if nothing happens: the last one is so old that it holds up the journal's truncation. */
  anchor(): void {
    this.#open.needed = true;
  }

  /** Closes the open record and opens the next. */
  seal(): SealedRecord {
    if (this.#sealed !== undefined) throw new Error('invariant: one record in flight a partition (A2)');
    for (const mail of this.#inner.seal()) this.#open.send(this.id, mail);
    const rows = this.overlay.seal();
    const { position } = this;
    const { clock, codec } = this.#host.ports;
    const sealing = {
      partition: this.id,
      epoch: position.epoch,
      number: position.number + 1,
      writer: this.#host.writer,
      previousSeq: position.seq,
      at: clock.wallMs(),
      taken: [...this.#open.taken].map((from) => this.inbox.channel(from).taken()),
      settled: this.outbox.takeSettled(),
    };
    this.#sealed = this.#open.seal(sealing, rows, codec, clock);
    this.#open = new OpenRecord();
    return this.#sealed;
  }

  /** The record in flight is durable at `seq`, with others in one append of so many: its rows may be stored, its gate opens. */
  committed(seq: number, records = 1): void {
    const sealed = this.#sealed;
    if (sealed === undefined || this.stopped) return;
    this.#sealed = undefined;
    const { record, endsMs } = sealed;
    if (endsMs.length > 0) gated(this.#host.ports, endsMs);
    followAppend(this.#host.ports, sealed, records);
    this.standing.committed(record, { seq, bytes: sealed.bytes });
    this.written.add(sealed.bytes.byteLength, this.#host.ports.clock.monotonicMs());
    this.overlay.commit(sealed.rows);
    for (const { to, mails } of record.outbox) {
      this.outbox.channel(to).committed(mails, seq);
      this.send(to);
    }
    for (const taken of record.taken) {
      this.committedTaken.set(taken.source, taken);
      this.#host.settle(this, taken.source, taken.watermark);
    }
    if (sealed.outputs.length > 0) this.#host.release(sealed.outputs);
  }

  /** Outputs of turns that changed nothing wait for nothing, unless turns before them do. */
  releaseIfClean(): void {
    if (this.#open.outputs.length === 0 || this.#sealed !== undefined || this.dirty) return;
    this.#host.release(this.#open.takeOutputs());
  }

  /** Hands to the transport what the window of a channel allows. */
  send(to: PartitionId): void {
    const { limits, ports } = this.#host;
    const mails = this.outbox.channel(to).takeSendable(limits.channel_window_mails, ports.clock.monotonicMs());
    if (mails.length > 0) this.#host.transmit(this, to, mails);
  }

  /** The receiver of a channel has committed all up to `upTo`. */
  settled(to: PartitionId, upTo: number): void {
    this.outbox.channel(to).settle(upTo, this.#host.ports.clock.monotonicMs());
    this.send(to);
  }
}
