/** Why a call was not carried out: a status with words. */
import { status } from '@grpc/grpc-js';
import type { Asked, Inspected, Log, Unanswered } from '../runtime/index.ts';

export class Failure extends Error {
  readonly code: status;

  constructor(code: status, words: string) {
    super(words);
    this.name = 'Failure';
    this.code = code;
  }
}

export function invalid(words: string): Failure {
  return new Failure(status.INVALID_ARGUMENT, words);
}

export function absent(words: string): Failure {
  return new Failure(status.NOT_FOUND, words);
}

const codes: { readonly [W in Unanswered]: status } = {
  'unknown node': status.NOT_FOUND,
  'unknown partition': status.NOT_FOUND,
  absent: status.NOT_FOUND,
  'not possible': status.FAILED_PRECONDITION,
  'no owner': status.UNAVAILABLE,
  'no answer': status.DEADLINE_EXCEEDED,
  older: status.UNIMPLEMENTED,
  failed: status.INTERNAL,
};

/** What a node answered. Throws a Failure where it did not. */
export function answerOf<T>(inspected: Inspected<T>): T {
  if (inspected.kind === 'answer') return inspected.value;
  throw new Failure(codes[inspected.why], inspected.words);
}

/** What an actor answered. Throws a Failure where it did not. */
export function replyOf<T>(asked: Asked<T>): T {
  if (asked.kind === 'reply') return asked.value;
  if (asked.kind === 'refused') throw new Failure(status.UNAVAILABLE, `nothing was done: ${asked.why}`);
  throw new Failure(status.DEADLINE_EXCEEDED, `no answer, it may have been done: ${asked.why}`);
}

/** What whoever called `method` is told. What nobody foresaw is told to the log alone. */
export function refusalOf(
  error: unknown,
  log: Log,
  method: string,
): { readonly code: status; readonly details: string } {
  if (error instanceof Failure) return { code: error.code, details: error.message };
  log.error({ error, method }, 'a call of the console failed');
  return { code: status.INTERNAL, details: 'this is a fault of the server; its log tells more' };
}
