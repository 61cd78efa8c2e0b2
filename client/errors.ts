import type { FailedEvent, RefusalCode } from '../proto/words.ts';

/** What only the client itself finds out. */
export type ClientFault =
  /** No url could be reached, or it broke off. */
  | 'unreachable'
  /** `close()` was called, or the session ended for good. */
  | 'closed'
  /** The outbox holds `outbox_messages_max` messages. */
  | 'outbox_full'
  /** No answer in time. */
  | 'timeout'
  /** Another connection of the same device took over. */
  | 'replaced'
  /** There is no session, or it can't be renewed: log in. */
  | 'login_needed'
  /** The answer is not one of the protocol. */
  | 'bad_answer'
  /** The storage could not load or save. */
  | 'storage';

/** Codes of the HTTP API arrive as they are; a newer server may have more of them. */
export type ErrorCode = RefusalCode | FailedEvent['code'] | ClientFault | (string & {});

/** Every rejection and every throw of the SDK. `reason` is for a person; `retry` says whether the same call may succeed later. */
export class RingpostError extends Error {
  override readonly name = 'RingpostError';
  readonly code: ErrorCode;
  readonly reason: string;
  readonly retry: boolean;
  /** The earliest time for a retry, where the server named one. */
  readonly afterMs: number | undefined;

  constructor(
    code: ErrorCode,
    reason: string,
    retry: boolean,
    more: { readonly cause?: unknown; readonly afterMs?: number | undefined } = {},
  ) {
    super(`${code}: ${reason}`, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.reason = reason;
    this.retry = retry;
    this.afterMs = more.afterMs;
  }
}

/** What was thrown, as one of ours: whatever else it is, it is a bug that trying again will not mend. */
export function asRingpostError(thrown: unknown): RingpostError {
  if (thrown instanceof RingpostError) return thrown;
  return new RingpostError('internal', thrown instanceof Error ? thrown.message : String(thrown), false, {
    cause: thrown,
  });
}
