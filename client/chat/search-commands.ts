/** Messages found again: by what they say, by stars and by pins. */
import { isConversationId } from '../../proto/decode.ts';
import type { MessageState } from '../../proto/words.ts';
import type { SearchOptions } from '../index.ts';
import type { Command } from './commands.ts';
import { chatLimits } from './limits.ts';
import { worded } from './message-commands.ts';
import type { Talk } from './talk.ts';
import { moment, shortened } from './text.ts';
import { theirs } from './whom.ts';

export const searchCommands: { readonly [name: string]: Command } = {
  '/search': {
    usage: '/search WORDS',
    does: `messages with these words, the newest ${chatLimits.found_messages}; also from:NAME, in:here, since:2026-01-31, until:…`,
    run: search,
  },
  '/star': { usage: '/star', does: 'star the last message of somebody else, to find it again', run: star },
  '/starred': { usage: '/starred', does: 'what you have starred', run: starred },
  '/pin': { usage: '/pin [off]', does: 'pin it here for everybody, or take the newest pin off', run: pin },
  '/pinned': { usage: '/pinned', does: 'what is pinned here', run: pinned },
};

const said_chars = 80;

async function search(talk: Talk, text: string): Promise<void> {
  const { screen, client } = talk;
  const wanted = text === '' ? undefined : wantedBy(talk, text);
  if (wanted === undefined) {
    screen.alert('What for? /search WORDS; with from:NAME, in:here or in:NAME, since:2026-01-31, until:2026-02-28');
    return;
  }
  await list(talk, client.search(wanted), 'Nothing found.');
}

/** The newest last, as in a conversation. */
async function list(talk: Talk, messages: AsyncIterable<MessageState>, none: string): Promise<void> {
  const lines: string[] = [];
  for await (const message of messages) {
    lines.push(lineOf(talk, message));
    if (lines.length === chatLimits.found_messages) break;
  }
  if (lines.length === 0) talk.screen.note(none);
  else talk.screen.answer(lines.reverse());
}

async function star(talk: Talk): Promise<void> {
  const last = theirs(talk);
  if (last === undefined) return;
  await talk.client.messages.star(last);
  talk.screen.note(`Starred: ${shortened(last.body, said_chars)}`);
}

async function starred(talk: Talk): Promise<void> {
  await list(talk, talk.client.messages.starred(), 'You have starred nothing. /star does.');
}

async function pin(talk: Talk, text: string): Promise<void> {
  const { partner, client, screen } = talk;
  if (partner === undefined) screen.alert('Where? /to NAME first.');
  else if (text === 'off') {
    const newest = await client.messages.pinned(partner).next();
    if (newest.done) screen.note('Nothing is pinned here.');
    else {
      await client.messages.pinForAll(newest.value, false);
      screen.note(`Not pinned any more: ${shortened(newest.value.body, said_chars)}`);
    }
  } else {
    const last = theirs(talk);
    if (last === undefined) return;
    await client.messages.pinForAll(last);
    screen.note(`Pinned for everybody here: ${shortened(last.body, said_chars)}`);
  }
}

async function pinned(talk: Talk): Promise<void> {
  if (talk.partner === undefined) talk.screen.alert('Where? /to NAME first.');
  else await list(talk, talk.client.messages.pinned(talk.partner), 'Nothing is pinned here.');
}

/** Undefined for what can't be meant. */
function wantedBy(talk: Talk, text: string): SearchOptions | undefined {
  const words: string[] = [];
  const wanted: { -readonly [name in keyof SearchOptions]: SearchOptions[name] } = {};
  for (const piece of text.split(/\s+/)) {
    const [, name, value = ''] = /^(from|in|since|until):(.+)$/.exec(piece) ?? [];
    if (name === undefined) words.push(piece);
    else if (name === 'from') wanted.from = value === 'me' ? talk.client.user : value;
    else if (name === 'in') {
      const other = value === 'here' ? talk.partner : (talk.rooms.find(value) ?? value);
      if (!isConversationId(other)) return undefined;
      wanted.with = other;
    } else {
      const at = Date.parse(`${value}T00:00`);
      if (Number.isNaN(at)) return undefined;
      wanted[name === 'since' ? 'after' : 'before'] = at;
    }
  }
  return { ...wanted, words: words.join(' ') };
}

/** `2026-01-31 12:05  alice to bob: Shall we?` */
function lineOf(talk: Talk, message: MessageState): string {
  const { at, from, to } = message;
  return `${moment(at, Date.now())}  ${from} to ${talk.rooms.nameOf(to)}: ${shortened(worded(message), said_chars)}`;
}
