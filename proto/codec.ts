/** Words to frames. The way back, which trusts nothing, is `decode.ts`. */
import { msgpack } from './msgpack.ts';
import type { ClientWord, Encoding, ServerWord } from './words.ts';

/** One frame: a word by itself, or a list where there are several. */
export function encode(words: readonly (ClientWord | ServerWord)[], encoding: Encoding): Uint8Array | string {
  const frame = words.length === 1 ? words[0] : words;
  return encoding === 'json' ? JSON.stringify(frame) : msgpack.pack(frame);
}
