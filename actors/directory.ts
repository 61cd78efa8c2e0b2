/**
 * Who can be found by one email or phone number: a directory for each, `directory/<hash of it>`. It answers with names only, and to users alone: each user of
 * that name decides by itself whether it is found by whoever looks, and is the only one to know its own email.
 *
 * | table | key | row |
 * |---|---|---|
 * | user | user | since when it wants to be found by it |
 */
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import { type HandleKind, handleOf } from '../proto/handles.ts';
import type { DirectoryProtocol } from '../proto/people-mail.ts';
import type { UserId } from '../proto/words.ts';
import { type AnyBehaviour, behaviour, type MailOf, type Ref, type Turn } from '../runtime/index.ts';
import { Directory, User } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';

type Mail<K extends keyof DirectoryProtocol> = Extract<MailOf<DirectoryProtocol>, { kind: K }>;

interface DirectoryMemory {
  readonly limits: MessengerLimits;
  readonly users: Set<UserId>;
}

/**
 * The hash is keyed with nothing secret: it gives names of one length and shape to actors, and keeps emails out of logs. Whoever can read the servers' disks
 * finds the emails themselves in the profiles.
 */
export function directoryOf(by: HandleKind, text: string): Ref<DirectoryProtocol> {
  return Directory.ref(bytesToHex(sha256(`${by} ${handleOf(by, text)}`)));
}

export function directoryBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<DirectoryProtocol, DirectoryMemory>(Directory, {
    wake: (turn) => ({ limits, users: new Set(turn.range<number>('user').map(([user]) => user)) }),
    turns: { claim, unclaim, find },
  });
}

/** Nobody verifies whose it is, so it is nobody's alone. Of more than the bound the first stay. */
function claim({ users, limits }: DirectoryMemory, { user }: Mail<'claim'>, turn: Turn): void {
  if (users.has(user) || users.size >= limits.handle_users_max) return;
  users.add(user);
  turn.put('user', user, turn.now);
}

function unclaim({ users }: DirectoryMemory, { user }: Mail<'unclaim'>, turn: Turn): void {
  if (users.delete(user)) turn.delete('user', user);
}

function find({ users }: DirectoryMemory, { asker, ask }: Mail<'find'>, turn: Turn): void {
  turn.whisper(User.ref(asker), { kind: 'candidates', ask, users: [...users].sort() });
}
