/** How the engine takes the context of a trace along: for the few messages that are followed, and at no cost to the others. */
import type { Cell, Mail } from './cell.ts';
import type { Limits } from './limits.ts';
import type { SealedRecord } from './open-record.ts';
import type { Ports, Tracer } from './ports.ts';
import type { ChannelMail } from './record.ts';
import type { Effects, Output } from './turn.ts';

/** A turn of followed mail, and what follows from it. */
export class FollowedSends {
  readonly context: string;
  /** When the turn ended, monotonic ms. */
  readonly endMs: number;
  #left: number;

  constructor(context: string, endMs: number, most: number) {
    this.context = context;
    this.endMs = endMs;
    this.#left = most;
  }

  /** What the turn sends goes with the context, up to a bound. Replies and signals end the way. */
  mark({ mails = [], outputs = [] }: Effects): void {
    for (const mail of mails) if (this.#left-- > 0) mail.trace = this.context;
    for (const output of outputs) {
      if ((output.kind === 'push' || output.kind === 'whisper') && this.#left-- > 0) output.trace = this.context;
    }
  }
}

/** The turn that a cell has just had is over. Undefined: its mail is not followed. */
export function followTurn(
  { ports: { tracer, clock }, limits }: { readonly ports: Ports; readonly limits: Limits },
  cell: Cell,
  mail: Mail,
  failed: boolean,
): FollowedSends | undefined {
  if (mail.trace === undefined || tracer === undefined) return undefined;
  const endMs = clock.monotonicMs();
  const actor = cell.behaviour?.kind ?? '';
  const turn = { actor, mail: mail.body.kind, startMs: cell.lastMailMs, endMs, failed };
  return new FollowedSends(tracer.turned(mail.trace, turn), endMs, limits.followed_sends_max);
}

/** The record of followed turns is durable; it was one of so many. */
export function followAppend({ clock, tracer }: Ports, sealed: SealedRecord, records: number): void {
  const { followed, sealedMs, turns, bytes } = sealed;
  if (followed === undefined || tracer === undefined) return;
  const endMs = clock.monotonicMs();
  for (const { context, endMs: startMs } of followed)
    tracer.appended(context, { startMs, sealedMs, endMs, turns, bytes: bytes.byteLength, records });
}

/** The mail, with what came along with it. */
export function followIn(tracer: Tracer | undefined, mail: Mail, trace: unknown, as: 'mail' | 'whisper'): Mail {
  if (tracer === undefined || typeof trace !== 'string') return mail;
  const context = tracer.arrived(trace, as);
  if (context !== undefined) mail.trace = context;
  return mail;
}

/** Durable mail that leaves its partition now. */
export function followOut(tracer: Tracer | undefined, mails: readonly ChannelMail[]): readonly ChannelMail[] {
  if (tracer === undefined || !mails.some(({ trace }) => trace !== undefined)) return mails;
  return mails.map((mail) => (mail.trace === undefined ? mail : { ...mail, trace: tracer.left(mail.trace) }));
}

/** What has passed the gate, and leaves now. */
export function leaving(tracer: Tracer | undefined, { trace }: Extract<Output, { kind: 'push' | 'whisper' }>) {
  return trace === undefined ? undefined : tracer?.left(trace);
}
