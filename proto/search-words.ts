/** Questions about messages of one's own conversations: which say something, are starred, are pinned, and who reacted to one. */
import type { MessageRef } from './content.ts';
import { Fault, isCount } from './fault.ts';
import {
  bad,
  badConversation,
  badCount,
  badText,
  type Fields,
  isConversationId,
  isFields,
  isText,
  isUserId,
  malformed,
} from './fields.ts';
import { type ConversationId, clientLimits, type MessageState, type UserId } from './words.ts';

/**
 * Messages that hold all of these words, newest first. `cursor`: 0, then the `next` of the answer before. What is left out does not matter: in
 * which conversation, of whom, from when (included) and until when (excluded) by their `at`.
 */
export interface Search {
  readonly kind: 'search';
  readonly req: number;
  readonly words: string;
  readonly with?: ConversationId;
  readonly from?: UserId;
  readonly after?: number;
  readonly before?: number;
  readonly cursor: number;
  readonly limit: number;
}

/** Messages that this user has starred, the newest star first. `before`: 0, then the `next` of the answer before. */
export interface Starred {
  readonly kind: 'starred';
  readonly req: number;
  readonly before: number;
  readonly limit: number;
}

/** Messages that are pinned in a conversation, the newest pin first. `before`: as for `starred`. */
export interface Pinned {
  readonly kind: 'pinned';
  readonly req: number;
  readonly with: ConversationId;
  readonly before: number;
  readonly limit: number;
}

/** Who reacted to a message, by name, after `after`. */
export interface Reactions {
  readonly kind: 'reactions';
  readonly req: number;
  readonly with: ConversationId;
  readonly of: MessageRef;
  readonly after: UserId | '';
  readonly limit: number;
}

export interface Reacted {
  readonly kind: 'reacted';
  readonly req: number;
  readonly with: ConversationId;
  readonly of: MessageRef;
  readonly list: readonly { readonly user: UserId; readonly text: string }[];
  /** `after` of the next page; '' at the end. */
  readonly next: UserId | '';
}

/** Answers the first three. A page may hold few messages or none, though there are more. */
export interface MessageList {
  readonly kind: 'messages';
  readonly req: number;
  readonly messages: readonly MessageState[];
  /** Where the next page begins; 0 at the end. */
  readonly next: number;
}

export function search(fields: Fields): Search | Fault {
  const { words, with: other, from, cursor } = fields;
  const page = pageOf('search', fields);
  if (page instanceof Fault) return page;
  if (!isText(words, clientLimits.search_chars_max)) {
    return badText('search.words', words, clientLimits.search_chars_max, fields);
  }
  if (!isCount(cursor)) return badCount('search.cursor', fields);
  if (isSaid(other) && !isConversationId(other)) return badConversation('search.with', other, fields);
  if (isSaid(from) && !isUserId(from)) return badText('search.from', from, clientLimits.user_chars_max, fields);
  const times: { after?: number; before?: number } = {};
  for (const name of ['after', 'before'] as const) {
    const time = fields[name];
    if (!isSaid(time)) continue;
    if (!isCount(time)) return badCount(`search.${name}`, fields);
    times[name] = time;
  }
  return {
    kind: 'search',
    ...page,
    words,
    ...(isConversationId(other) && { with: other }),
    ...(isUserId(from) && { from }),
    ...times,
    cursor,
  };
}

export function starred(fields: Fields): Starred | Fault {
  const page = pageOf('starred', fields);
  if (page instanceof Fault) return page;
  const { before } = fields;
  return isCount(before) ? { kind: 'starred', ...page, before } : badCount('starred.before', fields);
}

export function pinned(fields: Fields): Pinned | Fault {
  const { with: other, before } = fields;
  const page = pageOf('pinned', fields);
  if (page instanceof Fault) return page;
  if (!isConversationId(other)) return badConversation('pinned.with', other, fields);
  return isCount(before) ? { kind: 'pinned', ...page, with: other, before } : badCount('pinned.before', fields);
}

export function reactionsWord(fields: Fields): Reactions | Fault {
  const { with: other, after } = fields;
  const page = pageOf('reactions', fields);
  if (page instanceof Fault) return page;
  if (!isConversationId(other)) return badConversation('reactions.with', other, fields);
  const of = refOf(fields.of);
  if (of === undefined) {
    return malformed('reactions.of must be a message: its author in from, its number in seq', fields);
  }
  if (after !== '' && !isUserId(after)) return badText('reactions.after', after, clientLimits.user_chars_max, fields);
  return { kind: 'reactions', ...page, with: other, of, after };
}

function refOf(value: unknown): MessageRef | undefined {
  if (!isFields(value) || !isUserId(value.from) || !isCount(value.seq) || value.seq === 0) return undefined;
  return { from: value.from, seq: value.seq };
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function pageOf(
  kind: string,
  { req, limit, ...fields }: Fields,
): { readonly req: number; readonly limit: number } | Fault {
  const of = { req, ...fields };
  if (!isCount(req)) return badCount(`${kind}.req`, of);
  if (!isCount(limit) || limit < 1 || limit > clientLimits.page_messages_max) {
    return malformed(`${kind}.limit must be 1 to ${clientLimits.page_messages_max}`, of);
  }
  return { req, limit };
}

// ---------------------------------------------------------------- from the server

/** `messageState`: the decoder of one message. */
export function messageList(
  fields: Fields,
  messageState: (value: unknown) => MessageState | Fault,
): MessageList | Fault {
  const { req, messages, next } = fields;
  if (!isCount(req) || !Array.isArray(messages) || !isCount(next)) return bad(fields);
  const checked: MessageState[] = [];
  for (const message of messages) {
    const state = messageState(message);
    if (state instanceof Fault) return state;
    checked.push(state);
  }
  return { kind: 'messages', req, messages: checked, next };
}

export function reacted(fields: Fields): Reacted | Fault {
  const { req, with: other, list, next } = fields;
  const of = refOf(fields.of);
  if (!isCount(req) || !isConversationId(other) || of === undefined || !Array.isArray(list)) return bad(fields);
  if (next !== '' && !isUserId(next)) return bad(fields);
  const checked: Reacted['list'][number][] = [];
  for (const one of list) {
    if (!isFields(one) || !isUserId(one.user) || typeof one.text !== 'string') return bad(fields);
    checked.push({ user: one.user, text: one.text });
  }
  return { kind: 'reacted', req, with: other, of, list: checked, next };
}
