/** Who keeps a message that has a file holds the file as long as it keeps what the message said. */
import type { FileId } from '../proto/words.ts';
import type { Turn } from '../runtime/index.ts';
import { File } from './kinds.ts';

/** `place`: of the message, at the user or group whose turn this is. */
export function holdFile(turn: Turn, file: FileId | undefined, place: string): void {
  if (file !== undefined) turn.tell(File.ref(file), { kind: 'hold', holder: holderOf(turn, place) });
}

export function releaseFile(turn: Turn, file: FileId | undefined, place: string): void {
  if (file !== undefined) turn.tell(File.ref(file), { kind: 'release', holder: holderOf(turn, place) });
}

function holderOf(turn: Turn, place: string): string {
  return `${turn.self.slice(turn.self.indexOf('/') + 1)}/${place}`;
}
