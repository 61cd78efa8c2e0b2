/** Words from a client, validated: fresh objects that hold the known fields and nothing else. */
import { amend } from './amend-words.ts';
import { moreOf } from './content.ts';
import { Fault, isCount, isMessageId } from './fault.ts';
import {
  badConversation,
  badCount,
  badText,
  type Fields,
  isConversationId,
  isFields,
  isText,
  isUserId,
  malformed,
  shown,
} from './fields.ts';
import { arrange, groups, reach, roster } from './group-client-words.ts';
import { find, profiles } from './people-words.ts';
import { isWellFormed, utf8LengthExceeds } from './plain.ts';
import { pinned, reactionsWord, search, starred } from './search-words.ts';
import { selfWord } from './self-words.ts';
import { vanishWord } from './vanish-words.ts';
import {
  type ClientWord,
  clientLimits,
  type Hello,
  type History,
  type Inquire,
  type Read,
  type Received,
  type Send,
  type Typing,
  type UserId,
  type Watch,
} from './words.ts';

export function clientWord(value: unknown): ClientWord | Fault {
  if (!isFields(value)) return new Fault('malformed', 'A word must be an object.');
  switch (value.kind) {
    case 'send':
      return send(value);
    case 'received':
      return received(value);
    case 'read':
      return read(value);
    case 'hello':
      return hello(value);
    case 'history':
      return history(value);
    case 'inquire':
      return inquire(value);
    case 'typing':
      return typing(value);
    case 'watch':
      return watch(value);
    case 'amend':
      return amend(value);
    case 'vanish':
      return vanishWord(value);
    case 'group':
      return arrange(value);
    case 'self':
      return selfWord(value);
    case 'groups':
      return groups(value);
    case 'find':
      return find(value);
    case 'profiles':
      return profiles(value);
    case 'roster':
      return roster(value);
    case 'reach':
      return reach(value);
    case 'search':
      return search(value);
    case 'starred':
      return starred(value);
    case 'pinned':
      return pinned(value);
    case 'reactions':
      return reactionsWord(value);
    default:
      return new Fault('malformed', `There is no word of kind ${shown(value.kind)}.`, value);
  }
}

function send(fields: Fields): Send | Fault {
  const { id, to, body } = fields;
  if (!isMessageId(id)) return badText('send.id', id, clientLimits.message_id_chars_max, fields);
  if (!isConversationId(to)) return badConversation('send.to', to, fields);
  if (typeof body !== 'string' || !isWellFormed(body)) return malformed('send.body must be text', fields);
  if (utf8LengthExceeds(body, clientLimits.body_bytes_max)) {
    return new Fault('too_long', `send.body may have at most ${clientLimits.body_bytes_max} bytes.`, fields);
  }
  const more = moreOf(fields.more, fields);
  if (more instanceof Fault) return more;
  return { kind: 'send', id, to, body, ...(more && { more }) };
}

function received(fields: Fields): Received | Fault {
  const { upTo } = fields;
  if (!isCount(upTo)) return badCount('received.upTo', fields);
  return { kind: 'received', upTo };
}

function read(fields: Fields): Read | Fault {
  const { with: other, upTo } = fields;
  if (!isConversationId(other)) return badConversation('read.with', other, fields);
  if (!isCount(upTo)) return badCount('read.upTo', fields);
  return { kind: 'read', with: other, upTo };
}

function hello(fields: Fields): Hello | Fault {
  const { epoch, cursor, client, run, dial } = fields;
  if (!isText(epoch, clientLimits.epoch_chars_max)) {
    return badText('hello.epoch', epoch, clientLimits.epoch_chars_max, fields);
  }
  if (!isCount(cursor)) return badCount('hello.cursor', fields);
  const word: { -readonly [field in keyof Hello]: Hello[field] } = { kind: 'hello', epoch, cursor };
  for (const [name, text] of [['client', client] as const, ['run', run] as const]) {
    if (text === undefined || text === null) continue;
    if (!isText(text, clientLimits.client_chars_max)) {
      return badText(`hello.${name}`, text, clientLimits.client_chars_max, fields);
    }
    word[name] = text;
  }
  if (dial === undefined || dial === null) return word;
  if (!isCount(dial)) return badCount('hello.dial', fields);
  word.dial = dial;
  return word;
}

function history(fields: Fields): History | Fault {
  const { req, with: other, before, limit } = fields;
  if (!isCount(req)) return badCount('history.req', fields);
  if (!isConversationId(other)) return badConversation('history.with', other, fields);
  if (!isCount(before)) return badCount('history.before', fields);
  if (!isCount(limit) || limit < 1 || limit > clientLimits.page_messages_max) {
    return malformed(`history.limit must be 1 to ${clientLimits.page_messages_max}`, fields);
  }
  return { kind: 'history', req, with: other, before, limit };
}

function inquire(fields: Fields): Inquire | Fault {
  const { req, id } = fields;
  if (!isCount(req)) return badCount('inquire.req', fields);
  if (!isMessageId(id)) return badText('inquire.id', id, clientLimits.message_id_chars_max, fields);
  return { kind: 'inquire', req, id };
}

function typing(fields: Fields): Typing | Fault {
  const { to, on, recording } = fields;
  if (!isConversationId(to)) return badConversation('typing.to', to, fields);
  if (typeof on !== 'boolean') return malformed('typing.on must be true or false', fields);
  if (recording !== undefined && recording !== true) return malformed('typing.recording can be true only', fields);
  return { kind: 'typing', to, on, ...(recording && { recording }) };
}

function watch(fields: Fields): Watch | Fault {
  const { users } = fields;
  if (!Array.isArray(users)) return malformed('watch.users must be a list', fields);
  if (users.length > clientLimits.watch_users_max) {
    return new Fault('too_long', `watch.users may name at most ${clientLimits.watch_users_max} users.`);
  }
  const checked: UserId[] = [];
  for (const user of users) {
    if (!isUserId(user)) return badText('watch.users', user, clientLimits.user_chars_max, fields);
    checked.push(user);
  }
  return { kind: 'watch', users: checked };
}
