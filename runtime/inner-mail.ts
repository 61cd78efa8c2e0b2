import type { Mail } from './cell.ts';
import type { Inbox, Outbox } from './channel.ts';
import type { PartitionId } from './ports.ts';
import type { ChannelMail } from './record.ts';
import type { OutMail } from './turn.ts';

/**
 * Durable mail from one actor of a partition to another. It leaves nothing, so it need not wait for a record: its turn joins that of the turn it
 * came from, which then need not hold it, or a later one. What has had no turn when the record is sealed becomes mail of the partition's channel to itself.
 */
export class InnerMail {
  readonly #id: PartitionId;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  /** That of turns of the open record, which has had no turn. */
  readonly #waiting = new Set<Mail>();

  constructor(id: PartitionId, outbox: Outbox, inbox: Inbox) {
    this.#id = id;
    this.#outbox = outbox;
    this.#inbox = inbox;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The mail as it goes into its mailbox; undefined when mail before it is still in the channel, which it must not overtake. */
  add({ to, from, body, asker, trace }: OutMail): Mail | undefined {
    const { received } = this.#inbox.channel(this.#id);
    if (received !== this.#outbox.channel(this.#id).nextSeq - 1) return undefined;
    const mail: Mail = { to, body, from, asker, origin: { kind: 'neighbour' }, tries: 0, trace };
    this.#waiting.add(mail);
    return mail;
  }

  /** It has had its turn. */
  done(mail: Mail): void {
    this.#waiting.delete(mail);
  }

  /** The record is sealed: what it has to hold. */
  seal(): ChannelMail[] {
    const outgoing = this.#outbox.channel(this.#id);
    const incoming = this.#inbox.channel(this.#id);
    const held: ChannelMail[] = [];
    for (const mail of this.#waiting) {
      const { to, from = '', body, asker, trace } = mail;
      const seq = outgoing.nextSeq++;
      incoming.accept(seq);
      mail.origin = { kind: 'channel', from: this.#id, seq };
      held.push({ seq, to, from, body, asker, trace });
    }
    this.#waiting.clear();
    return held;
  }
}
