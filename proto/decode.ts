/**
 * Frames to words, whatever the bytes: these decoders never throw. Words come out as fresh objects with their known fields only;
 * unknown fields are passed over, so that later versions may add some. One bad word refuses its whole frame.
 */
import { clientWord } from './client-words.ts';
import { Fault } from './fault.ts';
import { plainOf } from './plain.ts';
import { serverWord } from './server-words.ts';
import { type ClientWord, clientLimits, type Encoding, type MessageId, type ServerWord } from './words.ts';

export { isMessageId } from './fault.ts';
export { isConversationId, isDeviceId, isGroupId, isLink, isUserId } from './fields.ts';

export interface BadFrame {
  readonly ok: false;
  readonly code: 'malformed' | 'too_long';
  /** For a person; quotes no more than 32 characters of the frame. */
  readonly reason: string;
  /** Of the word at fault, where it had a good one. */
  readonly id?: MessageId;
  readonly req?: number;
}

export type Decoded<W> = { readonly ok: true; readonly words: readonly W[] } | BadFrame;

/** A frame as a client sent it: 1 to `words_max` words. */
export function decodeClientFrame(frame: Uint8Array | string, encoding: Encoding): Decoded<ClientWord> {
  const plain = plainOf(frame, encoding, clientLimits.frame_bytes_max);
  return decoded(plain, clientLimits.words_max, clientWord);
}

/** A frame as a server sent it. Words of unknown kinds are left out. */
export function decodeServerFrame(frame: Uint8Array | string, encoding: Encoding): Decoded<ServerWord> {
  const plain = plainOf(frame, encoding, clientLimits.server_frame_bytes_max);
  return decoded(plain, Number.POSITIVE_INFINITY, serverWord);
}

function decoded<W>(plain: unknown, wordsMax: number, wordOf: (value: unknown) => W | undefined | Fault): Decoded<W> {
  if (plain instanceof Fault) return badFrame(plain);
  if (!Array.isArray(plain)) {
    const word = wordOf(plain);
    if (word instanceof Fault) return badFrame(word);
    return { ok: true, words: word === undefined ? [] : [word] };
  }
  if (plain.length === 0) return badFrame(new Fault('malformed', 'An empty list holds no word.'));
  if (plain.length > wordsMax) return badFrame(new Fault('too_long', `A frame may hold at most ${wordsMax} words.`));
  const words: W[] = [];
  for (const value of plain) {
    const word = wordOf(value);
    if (word instanceof Fault) return badFrame(word);
    if (word !== undefined) words.push(word);
  }
  return { ok: true, words };
}

function badFrame({ code, reason, id, req }: Fault): BadFrame {
  return { ok: false, code, reason, ...(id !== undefined && { id }), ...(req !== undefined && { req }) };
}
