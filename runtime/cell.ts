import type { Address, AnyBehaviour, ReplyTo } from './actor.ts';
import type { PartitionId } from './ports.ts';
import type { TurnLog } from './turn-log.ts';

/** Mail in a mailbox, on its way to a turn. */
export interface Mail {
  readonly to: Address;
  /** A timer's is read again when its turn comes: it may have been set anew for the same moment. */
  body: { readonly kind: string };
  readonly from: Address | undefined;
  readonly asker: ReplyTo | undefined;
  /** Durable mail: where it is taken off by its turn's record. Mail of a neighbour gets a number when a record has to hold it. */
  origin: Origin | undefined;
  tries: number;
  /** Where it is followed, by what context. Always a field: objects of two shapes would cost every turn more than what is followed costs. */
  trace: string | undefined;
}

/** Mail that leaves nothing: of a whisper, of an ask, or of a volatile timer. */
export function volatileMail(
  to: Address,
  from: Address | undefined,
  body: Mail['body'],
  trace?: string,
  asker?: ReplyTo,
): Mail {
  return { to, body, from, asker, origin: undefined, tries: 0, trace };
}

export type Origin =
  /** Of a turn in the record that is still open. */
  | { readonly kind: 'neighbour' }
  | { readonly kind: 'channel'; readonly from: PartitionId; readonly seq: number }
  | { readonly kind: 'timer'; readonly row: string; readonly name: string };

/** One actor's place in its partition: its mailbox, and its memory while awake. */
export class Cell {
  readonly address: Address;
  readonly behaviour: AnyBehaviour | undefined;
  memory: unknown;
  awake = false;
  /** Memory that a turn which threw may have spoilt; given to the next `wake`. */
  spoilt: unknown;
  /** In the runner's queue. */
  ready = false;
  /** Waits before its head mail is tried again. */
  resting = false;
  lastMailMs = 0;
  /** Its last turns, while somebody wants to see them. */
  log: TurnLog | undefined;
  #mails: (Mail | undefined)[] = [];
  #head = 0;

  constructor(address: Address, behaviour: AnyBehaviour | undefined) {
    this.address = address;
    this.behaviour = behaviour;
  }

  get waiting(): number {
    return this.#mails.length - this.#head;
  }

  push(mail: Mail): void {
    this.#mails.push(mail);
  }

  /** Of the mails that wait, oldest first. */
  kinds(most: number): string[] {
    return this.#mails.slice(this.#head, this.#head + most).flatMap((mail) => mail?.body.kind ?? []);
  }

  first(): Mail | undefined {
    return this.#mails[this.#head];
  }

  shift(): void {
    this.#mails[this.#head++] = undefined;
    if (this.#head === this.#mails.length) {
      this.#mails.length = 0;
      this.#head = 0;
    } else if (this.#head > 1_024 && this.#head * 2 > this.#mails.length) {
      this.#mails = this.#mails.slice(this.#head);
      this.#head = 0;
    }
  }

  /** False while its behaviour wants its memory kept (a socket hangs on it). */
  mayRest(): boolean {
    if (!this.awake) return true;
    try {
      return this.behaviour?.mayRest?.(this.memory) ?? true;
    } catch {
      return true;
    }
  }

  /** A turn threw: its memory is not to be relied on. */
  spoil(): void {
    if (this.awake) this.spoilt = this.memory;
    this.awake = false;
    this.memory = undefined;
  }

  rest(): void {
    this.awake = false;
    this.memory = undefined;
    this.spoilt = undefined;
  }
}
