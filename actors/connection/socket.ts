/** What a connection actor knows of its socket, where it stands with it, and the ways to its user and to the edge. */
import { encode } from '../../proto/codec.ts';
import type { Claims, ConnectionProtocol, UserProtocol } from '../../proto/mail.ts';
import type { ClientWord, Encoding, Presence, ServerWord, UserId } from '../../proto/words.ts';
import type { MailOf, Outlet, Ref, Turn } from '../../runtime/index.ts';
import type { Bucket } from './bucket.ts';
import type { Flow } from './flow.ts';

/** A socket that is open at the edge. */
export interface Socket {
  readonly outlet: Outlet;
  readonly claims: Claims;
  readonly user: Ref<UserProtocol>;
  readonly encoding: Encoding;
  /** Number of the last frame that came, and in which introduction of the socket. */
  frames: number;
  nth: number;
  /** Mails of words that its user was sent since the last hello. */
  forwarded: number;
  /** When it began to wait for the hello, or for the answer to it. */
  since: number;
  readonly bucket: Bucket;
  badFrames: number;
  fastFrames: number;
  /** Whose presence the device wants, with what it was last told of it. */
  watching: Map<UserId, Presence | undefined>;
  /** Volatile timers under way. */
  renewing: boolean;
  checking: boolean;
}

export type Phase =
  /** No socket is known here. */
  | { readonly kind: 'unopened' }
  /** A turn failed, and may have left anything in memory: all that is sure is the socket. */
  | { readonly kind: 'shaken'; readonly socket: Socket }
  /** Waits for hello: the first one, or (after `resync`) another. */
  | { readonly kind: 'greeting'; readonly socket: Socket; readonly first: boolean }
  /** The hello is with the user; words may follow it. */
  | { readonly kind: 'attaching'; readonly socket: Socket }
  | { readonly kind: 'online'; readonly socket: Socket; readonly flow: Flow }
  /** The close was pushed; the edge will say `closed`. */
  | { readonly kind: 'closing'; readonly socket: Socket };

export function forward(socket: Socket, words: readonly ClientWord[], turn: Turn): void {
  if (words.length === 0) return;
  socket.forwarded++;
  turn.whisper(socket.user, { kind: 'words', connection: turn.self, words, number: socket.forwarded });
}

export function push(socket: Socket, words: readonly ServerWord[], turn: Turn): void {
  if (words.length === 0) return;
  for (const word of words) if (word.kind === 'refused') turn.count('refusals', word.code);
  turn.push(socket.outlet, encode(words, socket.encoding));
}

export function detach(socket: Socket, turn: Turn): void {
  turn.whisper(socket.user, { kind: 'detach', connection: turn.self });
}

/** Tells the edge that it has the frame, if it wants to know. False when frames before it were lost: what is in it must not overtake them. */
export function answer(
  socket: Socket,
  { number, nth = socket.nth, answer: isWanted }: Extract<MailOf<ConnectionProtocol>, { kind: 'frame' }>,
  turn: Turn,
): boolean {
  if (number === undefined) return true;
  const isNext = nth === socket.nth && number <= socket.frames + 1;
  socket.nth = nth;
  socket.frames = number;
  if (isWanted) turn.push(socket.outlet, String(number));
  return isNext;
}
