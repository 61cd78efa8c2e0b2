import { closeCodes } from '../proto/words.ts';
import { nobodyThere, unreachable } from './account-api.ts';
import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';

/** What ended a connection, and so what to do next. */
export interface Loss {
  readonly error: RingpostError;
  readonly final?: boolean;
  /** The token was not taken. */
  readonly stale?: boolean;
  /** This server takes nobody, but another may: those that were not tried yet are tried without a wait. */
  readonly elsewhere?: boolean;
  /** Another connection of the device took over. */
  readonly replaced?: boolean;
  readonly waitMsMin?: number;
  /** It may be the transport that does not get through. */
  readonly blocked?: boolean;
}

/** How a socket that ended by itself is to be taken. `status` is that of a refusal over HTTP, 0 for none. */
export function lossOf(url: string, code: number, reason: string, status: number, cause: unknown): Loss {
  if (status === 401 || code === closeCodes.unauthorised) {
    return { error: new RingpostError('unauthorised', 'The server did not take the session.', true), stale: true };
  }
  if (status === 503) {
    const error = new RingpostError('unreachable', `${url} takes nobody just now (status 503).`, true);
    return { error, elsewhere: true, waitMsMin: sdkLimits.overload_wait_ms_min };
  }
  if (status > 0) {
    const error = new RingpostError('unreachable', `${url} refused a connection with status ${status}.`, true);
    return { error, waitMsMin: sdkLimits.overload_wait_ms_min, blocked: status !== 429 };
  }
  switch (code) {
    case closeCodes.revoked:
      return { error: new RingpostError('revoked', 'This device was removed from the account.', false), final: true };
    case closeCodes.replaced: {
      const why = 'Another connection of this device took over.';
      const error = new RingpostError('replaced', why, true);
      return { error, replaced: true, waitMsMin: sdkLimits.overload_wait_ms_min };
    }
    case closeCodes.overloaded:
    case closeCodes.too_fast: {
      const error = new RingpostError(reason || 'overloaded', 'The server is at its limit.', true);
      return { error, waitMsMin: sdkLimits.overload_wait_ms_min };
    }
  }
  if (cause !== undefined || reason === '') {
    return { error: unreachable(url, cause ?? 'the connection broke'), blocked: !nobodyThere(cause) };
  }
  // The server has not heard the hello, and was heard only when it closed: something on the way keeps what is said.
  const blocked = code === closeCodes.hello_timeout;
  return { error: new RingpostError(reason, `${url} closed the connection: ${reason}.`, true), blocked };
}
