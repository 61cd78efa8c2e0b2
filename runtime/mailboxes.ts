import type { Address, AnyBehaviour } from './actor.ts';
import { Cell, type Mail, volatileMail } from './cell.ts';
import { type LostBody, lostKind } from './envelope.ts';
import type { Clock } from './ports.ts';
import type { Effects, Output } from './turn.ts';
import { type TurnLog, TurnLogs } from './turn-log.ts';

export interface MailboxesHost {
  readonly mailbox_mails_max: number;
  behaviourOf(address: Address): AnyBehaviour | undefined;
  /** The cell has mail to handle. */
  ready(cell: Cell): void;
}

/** The mailboxes of a partition's actors. */
export class Mailboxes {
  readonly cells = new Map<Address, Cell>();
  readonly #logs = new TurnLogs();
  readonly #host: MailboxesHost;
  #waiting = 0;

  constructor(host: MailboxesHost) {
    this.#host = host;
  }

  /** Mails in all of them. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * False when the actor's mailbox is full. Never so for durable mail: that is bounded by its channels' windows, and refusing one of them
   * here would hold up its whole channel.
   */
  put(mail: Mail, durable: boolean): boolean {
    let cell = this.cells.get(mail.to);
    if (cell === undefined) {
      cell = new Cell(mail.to, this.#host.behaviourOf(mail.to));
      cell.log = this.#logs.get(mail.to);
      this.cells.set(mail.to, cell);
    }
    if (!durable && cell.waiting >= this.#host.mailbox_mails_max) return false;
    cell.push(mail);
    this.#waiting++;
    if (!cell.resting) this.#host.ready(cell);
    return true;
  }

  /** Keeps the turns that the actor has from now on, for a while; answers those that were kept. */
  watch(address: Address, nowMs: number): TurnLog {
    const log = this.#logs.keep(address, nowMs);
    const cell = this.cells.get(address);
    if (cell !== undefined) cell.log = log;
    return log;
  }

  /** The turn that a watched cell has just had is over, or threw. It began with the cell's last mail. */
  noteTurn(cell: Cell, mail: Mail, clock: Clock, writes: number, what: Effects | { readonly threw: unknown }): void {
    const nowMs = clock.monotonicMs();
    if ('threw' in what) this.watch(cell.address, nowMs);
    if (cell.log !== undefined && cell.log.untilMs > nowMs) cell.log.add(mail, cell.lastMailMs, clock, writes, what);
    else cell.log = undefined;
  }

  /** The first mail of the cell is done with. */
  shift(cell: Cell): void {
    cell.shift();
    this.#waiting--;
  }

  /** A node's process is gone: tells the actors that want to know, such as those that sockets of it hung on. */
  nodeLost(node: string, incarnation: string): void {
    const body: LostBody = { kind: lostKind, node, incarnation };
    for (const cell of this.cells.values()) {
      if (!cell.awake || cell.behaviour?.nodeLost === undefined) continue;
      this.put(volatileMail(cell.address, undefined, body), true);
    }
  }

  /** Asks that wait and will have no turn here: certainly not carried out, so their askers may ask elsewhere. */
  unanswered(): Output[] {
    const outputs: Output[] = [];
    for (const cell of this.cells.values()) {
      for (let mail = cell.first(); mail !== undefined; mail = cell.first()) {
        this.shift(cell);
        if (mail.origin !== undefined || mail.asker === undefined || typeof mail.asker.to === 'string') continue;
        const [node, incarnation, ask] = mail.asker.to;
        outputs.push({ kind: 'refusal', node, incarnation, ask, why: 'moved' });
      }
    }
    return outputs;
  }
}
