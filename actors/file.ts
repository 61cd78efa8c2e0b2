/**
 * The file actor: one for all files of equal bytes. It knows who holds the file and under which generation its bytes are stored, and touches no
 * bytes itself: the gateway stores them before it says so, and deletes them after it has asked.
 *
 * | table | key | row |
 * |---|---|---|
 * | file | '' | KeptFile: its bytes are stored |
 * | offer | generation | since when somebody may store bytes under it |
 * | holder | who keeps the message/where, or @user of who uploaded it | until when; 0: until it is released |
 * | freed | '' | when it was last released |
 */
import type { FileProtocol, KeptFile } from '../proto/file-mail.ts';
import { type AnyBehaviour, behaviour, type MailOf, type Turn } from '../runtime/index.ts';
import { File } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';

type Mail<K extends keyof FileProtocol> = Extract<MailOf<FileProtocol>, { kind: K }>;

interface FileMemory {
  readonly limits: MessengerLimits;
}

export function fileBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<FileProtocol, FileMemory>(File, {
    wake: () => ({ limits }),
    turns: { offer, stored, find, collect, hold, release },
  });
}

function fileOf(turn: Turn): KeptFile | undefined {
  return turn.get<KeptFile>('file');
}

function offer(_: FileMemory, { user, forMs }: Mail<'offer'>, turn: Turn): void {
  const file = fileOf(turn);
  if (file !== undefined) {
    holdFor(turn, user, forMs);
    turn.reply({ kind: 'known', file });
    return;
  }
  const generation = turn.uniqueId();
  turn.put('offer', generation, turn.now);
  turn.reply({ kind: 'wanted', generation });
}

function stored(_: FileMemory, { user, forMs, file }: Mail<'stored'>, turn: Turn): void {
  const before = fileOf(turn);
  // Said again, or somebody was faster: then the other blob is the collector's.
  if (before !== undefined) {
    holdFor(turn, user, forMs);
    turn.reply({ file: before });
    return;
  }
  // The collector has been there: what was stored under it may be gone.
  if (turn.get<number>('offer', file.generation) === undefined) {
    turn.reply({});
    return;
  }
  turn.delete('offer', file.generation);
  turn.put('file', file);
  holdFor(turn, user, forMs);
  turn.reply({ file });
}

/** Who has uploaded it has it for a while without a message. */
function holdFor(turn: Turn, user: string, forMs: number): void {
  const until = turn.now + forMs;
  if (until > (turn.get<number>('holder', `@${user}`) ?? 0)) turn.put('holder', `@${user}`, until);
}

function find(_: FileMemory, __: Mail<'find'>, turn: Turn): void {
  const file = fileOf(turn);
  turn.reply(file === undefined ? {} : { file });
}

function hold(_: FileMemory, { holder }: Mail<'hold'>, turn: Turn): void {
  turn.put('holder', holder, 0);
}

function release(_: FileMemory, { holder }: Mail<'release'>, turn: Turn): void {
  turn.delete('holder', holder);
  turn.put('freed', turn.now);
}

/** Bytes are deleted on this answer, so it must not come from an owner that only knows what was. */
function collect({ limits }: FileMemory, { generation, graceMs }: Mail<'collect'>, turn: Turn): void {
  turn.confirm();
  const file = fileOf(turn);
  if (file?.generation !== generation) {
    turn.delete('offer', generation);
    turn.reply({ gone: true });
    return;
  }
  if (isHeld(turn, limits.holders_looked_max) || (turn.get<number>('freed') ?? 0) + graceMs > turn.now) {
    turn.reply({ gone: false });
    return;
  }
  turn.delete('file');
  turn.delete('freed');
  turn.reply({ gone: true });
}

/** Those whose time is over are taken off. A mail that says who holds it may be on its way: so there is a grace after the last release. */
function isHeld(turn: Turn, limit: number): boolean {
  const rows = turn.range<number>('holder', { limit });
  let held = rows.length === limit;
  for (const [holder, until] of rows) {
    if (until === 0 || until > turn.now) held = true;
    else {
      turn.delete('holder', holder);
      turn.put('freed', Math.max(turn.get<number>('freed') ?? 0, until));
    }
  }
  return held;
}
