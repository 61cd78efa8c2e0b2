/** Files of a user: what it has uploaded and may send, and whether it may have the one that a message holds. */
import type { FileOwnerProtocol, FileRefusal, Permission } from '../../proto/file-mail.ts';
import { type FileFacts, type FileId, type MessageAt, maySend, type SentFile } from '../../proto/file-words.ts';
import type { GroupEntry } from '../../proto/group-mail.ts';
import type { GroupDeed, More } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { branchAt, isGroup } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { objectionTo } from './admission.ts';
import { findMessage } from './amending.ts';
import { memberSince } from './groups.ts';
import { isForgotten } from './marks.ts';
import type { UserMemory } from './memory.ts';
import { shownTo } from './profile.ts';
import { rowAt } from './timeline.ts';

type Mail<K extends keyof FileOwnerProtocol> = Extract<MailOf<FileOwnerProtocol>, { kind: K }>;

export interface UploadRow {
  readonly file: FileFacts;
  readonly until: number;
}

// ---------------------------------------------------------------- what the gateway asks

export const fileQuestions = { mayUpload, uploaded, mayFetch, mayFetchPicture };

function mayUpload(user: UserMemory, { login }: Mail<'mayUpload'>, turn: Turn): void {
  const objection = strangerTo(user, turn, login) ?? (isFull(user, turn) ? 'too_many_files' : undefined);
  turn.reply(objection === undefined ? { ok: true } : refused(objection));
}

function uploaded(user: UserMemory, { login, file, forMs }: Mail<'uploaded'>, turn: Turn): void {
  const isNew = turn.get<UploadRow>('upload', file.id) === undefined;
  const isTooMuch = isNew && isFull(user, turn, file.bytes);
  const objection = strangerTo(user, turn, login) ?? (isTooMuch ? 'too_many_files' : undefined);
  if (objection === undefined) turn.put('upload', file.id, { file, until: turn.now + forMs } satisfies UploadRow);
  turn.reply(objection === undefined ? { ok: true } : refused(objection));
}

/** Takes off what it may not send any more, and looks whether there is room for one more. */
function isFull({ limits }: UserMemory, turn: Turn, more_bytes = 0): boolean {
  let count = 0;
  let bytes = more_bytes;
  for (const [id, { file, until }] of turn.range<UploadRow>('upload')) {
    if (until <= turn.now) turn.delete('upload', id);
    else {
      count++;
      bytes += file.bytes;
    }
  }
  return count >= limits.uploads_max || bytes > limits.uploads_bytes_max;
}

function mayFetch(user: UserMemory, { login, file, by }: Mail<'mayFetch'>, turn: Turn): void {
  turn.reply(permission(user, turn, login, file, by));
}

function permission(
  user: UserMemory,
  turn: Turn,
  login: Mail<'mayFetch'>['login'],
  file: FileId,
  by: MessageAt | undefined,
): Permission<{ readonly name: string; readonly ask: boolean }> {
  const objection = strangerTo(user, turn, login);
  if (objection !== undefined) return refused(objection);
  if (by === undefined) return uploadOf(turn, file) ? { ok: true, name: '', ask: false } : refused('unknown_file');
  if (isGroup(by.with)) {
    const isOpen = memberSince(user, turn, by.with) > 0 && !isForgotten(user, turn, by.with, by);
    return isOpen ? { ok: true, name: '', ask: true } : refused('unknown_file');
  }
  const sent = sentBy(user, turn, by);
  return sent?.id === file ? { ok: true, name: sent.name, ask: false } : refused('unknown_file');
}

function mayFetchPicture(user: UserMemory, { asker, file }: Mail<'mayFetchPicture'>, turn: Turn): void {
  const isSeen = shownTo(user, turn, asker).picture?.id === file;
  turn.reply(isSeen ? { ok: true } : refused('unknown_file'));
}

function strangerTo(user: UserMemory, turn: Turn, { device, session }: Mail<'mayUpload'>['login']) {
  if (user.account?.state !== 'active') return 'unauthorised' as const;
  return objectionTo(user, turn, device, session);
}

function refused(code: FileRefusal): { readonly ok: false; readonly code: FileRefusal } {
  return { ok: false, code };
}

// ---------------------------------------------------------------- what is sent

/** What a message is to hold, with what the server knows of its file; `unknown_file` when this user may not send that. */
export function withFacts(user: UserMemory, turn: Turn, more: More | undefined): More | undefined | 'unknown_file' {
  if (more?.file === undefined) return more;
  const { id, kind, name, seconds, via } = more.file;
  const facts = via === undefined ? uploadOf(turn, id) : sentBy(user, turn, via);
  if (facts?.id !== id || !maySend(kind, facts)) return 'unknown_file';
  const { type, bytes, width, height, preview, thumb } = facts;
  const file: SentFile = {
    id,
    kind,
    name,
    type,
    bytes,
    ...(width !== undefined && height !== undefined && { width, height }),
    ...(preview !== undefined && { preview }),
    ...(thumb && { thumb }),
    ...(seconds !== undefined && { seconds }),
  };
  return { ...more, file };
}

/** The picture of a group is an image that this user has uploaded. */
export function withPicture(turn: Turn, deed: GroupDeed): GroupDeed | 'unknown_file' {
  if (deed.what !== 'picture' || deed.file === undefined) return deed;
  const file = imageOf(turn, deed.file.id);
  return file === undefined ? 'unknown_file' : { what: 'picture', file };
}

/** An image that this user has uploaded. */
export function imageOf(turn: Turn, id: FileId): FileFacts | undefined {
  const file = uploadOf(turn, id);
  return file !== undefined && maySend('image', file) ? file : undefined;
}

function uploadOf(turn: Turn, id: FileId): FileFacts | undefined {
  const row = turn.get<UploadRow>('upload', id);
  return row !== undefined && row.until > turn.now ? row.file : undefined;
}

/** The file of a message that this user can read now. */
function sentBy(user: UserMemory, turn: Turn, { with: other, from, seq }: MessageAt): SentFile | undefined {
  if (!isGroup(other)) {
    const row = rowAt(user, turn, findMessage(user, turn, other, { from, seq }));
    if (row?.[0] === 'in') return row[8]?.file;
    return row?.[0] === 'out' ? row[7]?.file : undefined;
  }
  const since = memberSince(user, turn, other);
  if (since === 0 || seq < since || isForgotten(user, turn, other, { from, seq })) return undefined;
  const entry = turn.peek<GroupEntry>(branchAt(turn.partition, other), 'log', numberKey(seq));
  return entry?.[0] === 'message' && entry[2] === from ? entry[5]?.file : undefined;
}
