/** Who may speak and hear: every word in and every event out is checked against the device's row, not only the handshake. */
import type { ConnectionProtocol } from '../../proto/mail.ts';
import { refused } from '../../proto/refusals.ts';
import { type CloseWord, closeCodes, type DeviceId, type RefusalCode, type ServerWord } from '../../proto/words.ts';
import type { Ref, Turn } from '../../runtime/index.ts';
import { type Attached, detach, devicesOf, type UserMemory } from './memory.ts';

/** What a session is refused for; undefined: it may go on. */
type Objection = Extract<RefusalCode, 'unauthorised' | 'revoked' | 'expired_token'>;

export function objectionTo(user: UserMemory, turn: Turn, device: DeviceId, session: string): Objection | undefined {
  if (user.account === undefined) return 'unauthorised';
  const row = devicesOf(user, turn).get(device);
  if (row === undefined) return 'revoked';
  if (row.session !== session) return 'unauthorised';
  return turn.now > row.accessUntil + user.limits.access_grace_ms ? 'expired_token' : undefined;
}

/** False ends the connection: its session is over. */
export function admitted(user: UserMemory, turn: Turn, connection: string, attached: Attached): boolean {
  const objection = objectionTo(user, turn, attached.device, attached.session);
  if (objection === undefined) return true;
  detach(user, connection);
  endWith(turn, attached.to, objection);
  return false;
}

export function endWith(turn: Turn, connection: Ref<ConnectionProtocol>, objection: Objection): void {
  end(turn, connection, objection === 'revoked' ? 'revoked' : 'unauthorised', refused(objection));
}

/** Ends every connection of a device, or of the whole account. */
export function endAll(user: UserMemory, turn: Turn, objection: Objection, device?: DeviceId): void {
  for (const [connection, attached] of user.attached) {
    if (device !== undefined && attached.device !== device) continue;
    detach(user, connection);
    endWith(turn, attached.to, objection);
  }
}

export function end(turn: Turn, connection: Ref<ConnectionProtocol>, word: CloseWord, last?: ServerWord): void {
  turn.whisper(connection, { kind: 'end', code: closeCodes[word], word, ...(last && { last }) });
}

export function say(turn: Turn, connection: Ref<ConnectionProtocol>, word: ServerWord): void {
  turn.whisper(connection, { kind: 'say', words: [word] });
}
