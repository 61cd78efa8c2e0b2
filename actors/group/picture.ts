/** The group's picture: a file that the group holds as long as it has it. */
import type { FileFacts } from '../../proto/file-words.ts';
import type { Turn } from '../../runtime/index.ts';
import { holdFile, releaseFile } from '../holding.ts';
import type { Deed } from './deed.ts';
import { done, type GroupMemory, sequence, stampOf } from './memory.ts';
import type { AboutRow } from './rows.ts';

/** Beside the places of messages. */
const place = 'picture';

export function setPicture(group: GroupMemory, turn: Turn, { id, from, deed }: Deed<'picture'>, about: AboutRow): void {
  const { picture: before, ...rest } = about;
  const { file } = deed;
  if (file?.id === before?.id) {
    done(group, turn, from, id);
    return;
  }
  if (before !== undefined) releaseFile(turn, before.id, place);
  if (file !== undefined) holdFile(turn, file.id, place);
  group.about = { ...rest, ...(file && { picture: file }) };
  turn.put('about', group.about);
  sequence(group, turn, ['group', id, from, stampOf(group, turn), { what: 'pictured', ...(file && { file }) }]);
}

export function isPicture({ about }: GroupMemory, file: FileFacts['id']): boolean {
  return about?.picture?.id === file;
}
