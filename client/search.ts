import type { ClientWord, ConversationId, MessageList, MessageState, UserId } from '../proto/words.ts';

/** What is looked for; what is left out does not matter. */
export interface SearchOptions {
  /** All of them must occur, each as the beginning of a word; case and accents don't matter. */
  readonly words?: string;
  readonly with?: ConversationId;
  /** Its author. */
  readonly from?: UserId;
  /** From when (included) and until when (excluded) it was sent, ms since the Unix epoch. */
  readonly after?: number;
  readonly before?: number;
}

/** As `Requests.ask` does it. */
export type AskMessages = (kind: 'messages', make: (req: number) => ClientWord) => Promise<MessageList>;

const page_messages = 50;

/** One page after another, until there is none: a page may be empty and yet not be the last. */
export async function* pagesOf(
  ask: AskMessages,
  make: (page: { readonly req: number; readonly at: number; readonly limit: number }) => ClientWord,
): AsyncGenerator<MessageState, void, undefined> {
  let at = 0;
  do {
    const begin = at;
    const { messages, next } = await ask('messages', (req) => make({ req, at: begin, limit: page_messages }));
    yield* messages;
    at = next;
  } while (at > 0);
}

export function search(
  ask: AskMessages,
  { words = '', ...where }: SearchOptions,
): AsyncGenerator<MessageState, void, undefined> {
  return pagesOf(ask, ({ req, at, limit }) => ({ kind: 'search', req, words, ...where, cursor: at, limit }));
}
