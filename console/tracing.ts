/** The life of one message: what actors keep of it, and what the journal's records of it say. */
import { isUserId } from '../proto/fields.ts';
import type { KeptIn } from '../proto/trace-mail.ts';
import type { Node, RowOrigin } from '../runtime/index.ts';
import { ownerOf } from './actors.ts';
import { absent, replyOf } from './failures.ts';
import type { StepWords, TraceWords } from './trace-words.ts';
import { type Users, userOf } from './users.ts';
import type { Request } from './words.ts';

/** The journal is looked through for a record. */
const origin_wait_ms = 15_000;

export async function traceMessage(
  node: Node,
  users: Users,
  { sender, id }: Request<'TraceMessage'>,
): Promise<TraceWords> {
  const from = users.ref(userOf(sender)).address;
  const traced = replyOf(await node.ask(users.ref(sender), { kind: 'trace', id }));
  if (traced === null) throw absent(`${sender} has sent no message "${id}" that is remembered: it may have expired`);
  const { to, seq, at, delivered, read, failed, keptIn } = traced;
  const life = new Life(node, at);
  life.step('accepted', from, at);
  const record = await life.record('journaled', keptIn, at);
  const peer = isUserId(to) ? users.ref(to) : undefined;
  if (record !== undefined) life.mailed(keptIn.address, record, peer?.address);
  if (peer !== undefined) {
    const arrival = replyOf(await node.ask(peer, { kind: 'arrival', from: sender, seq }));
    if (arrival !== null) await life.record('appended', arrival, record?.at ?? at);
  }
  if (delivered > 0) life.step('delivered', from, delivered);
  if (read > 0) life.step('read', from, read);
  if (failed !== '') life.step('failed', from, 0, { why: failed });
  return { sender, id, to, seq, steps: life.steps };
}

class Life {
  readonly steps: StepWords[] = [];
  readonly #node: Node;
  readonly #acceptedAt: number;

  constructor(node: Node, acceptedAt: number) {
    this.#node = node;
    this.#acceptedAt = acceptedAt;
  }

  /** `at`: 0 where it is not known. */
  step(step: StepWords['step'], actor: string, at: number, more: Partial<StepWords> = {}): void {
    const partition = this.#node.partitionOf(actor);
    const afterMs = at === 0 ? 0 : at - this.#acceptedAt;
    const nothing = { record: 0, recordBytes: 0, recordRows: 0, why: '', detail: '' };
    this.steps.push({ step, actor, node: ownerOf(this.#node, partition), partition, at, afterMs, ...nothing, ...more });
  }

  /** The step at which a row was written: by which record, or why that is not known. */
  async record(
    step: StepWords['step'],
    { address, table, key }: KeptIn,
    about: number,
  ): Promise<RowOrigin | undefined> {
    const partition = this.#node.partitionOf(address);
    const ask = { kind: 'origin', partition, address, table, key, at: about } as const;
    const found = await this.#node.inspect(ask, this.#node.node, origin_wait_ms);
    if (found.kind === 'none') {
      this.step(step, address, 0, { detail: found.words });
      return undefined;
    }
    const { number, bytes, rows, at, node } = found.value;
    this.step(step, address, at, { node, record: number, recordBytes: bytes, recordRows: rows });
    return found.value;
  }

  /** To the recipient, or to the branches of a group: it leaves with the record that holds it. */
  mailed(address: string, { at, node, number, mails }: RowOrigin, peer: string | undefined): void {
    const sent = mails.filter(({ to }) => peer === undefined || to === peer);
    const [first] = sent;
    const detail =
      first === undefined
        ? 'within the partition, in the same record'
        : `to partition ${first.partition}, number ${first.seq} of that channel${sent.length > 1 ? `, and ${sent.length - 1} more` : ''}`;
    this.step('mailed', address, at, { node, record: number, detail });
  }
}
