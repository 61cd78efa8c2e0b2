/** Who keeps a message that has a file holds the file as long as it keeps what the message said. */
import type { More } from '../proto/words.ts';
import type { Turn } from '../runtime/index.ts';
import { File } from './kinds.ts';

/** `place`: of the message, at the user or group whose turn this is. */
export function holdFile(turn: Turn, more: More | undefined, place: string): void {
  if (more?.file !== undefined) turn.tell(File.ref(more.file.id), { kind: 'hold', holder: holderOf(turn, place) });
}

export function releaseFile(turn: Turn, more: More | undefined, place: string): void {
  if (more?.file !== undefined) turn.tell(File.ref(more.file.id), { kind: 'release', holder: holderOf(turn, place) });
}

function holderOf(turn: Turn, place: string): string {
  return `${turn.self.slice(turn.self.indexOf('/') + 1)}/${place}`;
}
