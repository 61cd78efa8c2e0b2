import type { RingpostError } from '../errors.ts';
import { type ChatOptions, isLocal } from './options.ts';
import { span } from './text.ts';

/** A failure in words that say what to do about it. */
export function failureWords(error: RingpostError, { user, urls }: ChatOptions): string {
  switch (error.code) {
    case 'unreachable':
      return unreachable(error, urls);
    case 'bad_login':
      return `The password for ${user} is not right. If you are somebody else of that name, choose another one.`;
    case 'taken':
      return `The name ${user} is taken, and its password is not known here.`;
    case 'bad_password':
      return 'A password has 8 to 128 characters.';
    case 'too_many_devices':
      return `${user} is logged in on as many devices as an account may have. In a chat on one of them, /devices lists them and /revoke NAME removes one.`;
    case 'replaced':
      return 'Another chat of the same user and device took over; this one is at its end. (--device NAME keeps them apart.)';
    case 'revoked':
      return 'This device was removed from the account. To log in again, start the chat again.';
    case 'login_needed':
      return 'The session has expired. To log in again, start the chat again.';
    case 'too_fast':
      return `The server asks for patience${error.afterMs === undefined ? '' : `: try again in ${seconds(error.afterMs)}`}.`;
    case 'device_in_use':
    case 'storage':
    case 'no_terminal':
      return error.reason;
    default:
      return `${error.reason}${error.retry ? again(error) : ''}`;
  }
}

function unreachable(error: RingpostError, urls: readonly string[]): string {
  const where = urls.length === 1 ? error.reason : `No answer from any of ${urls.join(', ')}.`;
  return urls.every(isLocal)
    ? `${where}\nIs Ringpost running? Start it in another terminal, in its folder: npm start`
    : `${where}\nIs the address right? --url says where Ringpost is.`;
}

function again({ afterMs = 0 }: RingpostError): string {
  return afterMs < 60_000 ? ' Try again in a moment.' : ` Try again in ${span(Math.ceil(afterMs / 60_000) * 60_000)}.`;
}

function seconds(ms: number): string {
  return ms < 1_000 ? 'a second' : `${Math.round(ms / 1_000)} s`;
}
