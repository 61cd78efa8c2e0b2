import type { MessageId } from './words.ts';

/** What is wrong with a frame. A value, not an error: bad frames are the everyday business of a decoder. */
export class Fault {
  readonly code: 'malformed' | 'too_long';
  readonly reason: string;
  /** Name the word at fault, where it had a good one: its sender waits for an answer. */
  readonly id: MessageId | undefined;
  readonly req: number | undefined;

  constructor(code: Fault['code'], reason: string, of: { readonly id?: unknown; readonly req?: unknown } = {}) {
    this.code = code;
    this.reason = reason;
    this.id = isMessageId(of.id) ? of.id : undefined;
    this.req = isCount(of.req) ? of.req : undefined;
  }
}

const messageIdShape = /^[A-Za-z0-9._:-]{1,64}$/;

export function isMessageId(value: unknown): value is MessageId {
  return typeof value === 'string' && messageIdShape.test(value);
}

/** A safe integer, zero or more. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
