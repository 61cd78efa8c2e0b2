/** What a person does to messages that were sent, and how others' doing so is told. Each command rejects with the errors of the client's `messages`. */
import { isGroupId } from '../../proto/decode.ts';
import { type AmendedEvent, clientLimits, type MessageState, type Timer } from '../../proto/words.ts';
import type { Said } from '../index.ts';
import type { Command } from './commands.ts';
import { contentWords } from './content.ts';
import type { Talk } from './talk.ts';
import { shortened, span, spanMs } from './text.ts';
import { theirs } from './whom.ts';

export const messageCommands: { readonly [name: string]: Command } = {
  '/edit': { usage: '/edit TEXT', does: 'change your last message', run: edit },
  '/unsend': { usage: '/unsend', does: 'take your last message back, for everybody', run: unsend },
  '/vanish': {
    usage: '/vanish 5m|off',
    does: 'messages here are gone so long after they are read (in a group: sent); s, m, h or d',
    run: vanish,
  },
  '/react': { usage: '/react [EMOJI]', does: 'react to the last message of somebody else, or no more', run: react },
};

const quote_chars = 40;

/** The last own message here, where the server has it; says so where there is none. */
function lastOwn(talk: Talk): Said | undefined {
  const last = talk.ledger.newest().find(({ to, tick }) => to === talk.partner && tick !== 'failed');
  if (last === undefined) talk.screen.alert('You have sent nothing in this chat yet.');
  else if (last.seq === 0) talk.screen.alert('Your last message is still on its way.');
  else return { from: talk.client.user, to: last.to, seq: last.seq };
  return undefined;
}

async function edit(talk: Talk, text: string): Promise<void> {
  if (text === '') {
    talk.screen.alert('What is it to say instead? /edit TEXT');
    return;
  }
  const last = lastOwn(talk);
  if (last === undefined) return;
  await talk.client.messages.edit(last, text);
  talk.screen.note(`Your last message says now: ${shortened(text, quote_chars)}`);
}

async function unsend(talk: Talk): Promise<void> {
  const last = lastOwn(talk);
  if (last === undefined) return;
  await talk.client.messages.retract(last);
  talk.screen.note('Your last message is taken back.');
}

async function react(talk: Talk, text: string): Promise<void> {
  const last = theirs(talk);
  if (last === undefined) return;
  if (text.length > clientLimits.reaction_chars_max) talk.screen.alert('A reaction is an emoji, or a short word.');
  else {
    await talk.client.messages.react(last, text);
    const quoted = `${last.from}: ${shortened(last.body, quote_chars)}`;
    talk.screen.note(text === '' ? `No reaction any more to ${quoted}` : `${text} to ${quoted}`);
  }
}

async function vanish(talk: Talk, text: string): Promise<void> {
  const { partner, client, screen } = talk;
  const afterMs = text === 'off' ? 0 : spanMs(text);
  if (partner === undefined) screen.alert('Where? /to NAME first.');
  else if (afterMs === undefined) screen.alert('After how long? /vanish 30s, 5m, 24h or 7d, or /vanish off');
  else {
    await client.messages.vanishAfter(partner, afterMs);
    if (!isGroupId(partner)) screen.note(vanishingWords('you', { afterMs, since: 'read' }));
  }
}

export function vanishingWords(by: string, { afterMs, since }: Timer): string {
  const verb = by === 'you' ? 'you want' : `${by} wants`;
  return afterMs === 0
    ? `${verb} messages to stay from now on`
    : `${verb} messages to vanish from now on, ${span(afterMs)} after they are ${since}`;
}

/** What somebody else, or another device, did to a message. */
export function amendmentWords({ by, of, deed }: AmendedEvent): string {
  const whose = of.from === by ? 'a message' : `a message of ${of.from}`;
  switch (deed.what) {
    case 'edit':
      return `${by} changed ${whose}: ${shortened(deed.body, quote_chars * 2)}`;
    case 'retract':
      return `${by} took back ${whose}`;
    case 'pin':
      return deed.on ? `${by} pinned ${whose}: /pinned shows it` : `${by} unpinned ${whose}`;
    case 'react':
      return deed.text === '' ? `${by} has no reaction any more to ${whose}` : `${by} reacted ${deed.text} to ${whose}`;
  }
}

/** A message with what has become of it, as it is shown. */
export function worded(message: MessageState): string {
  const { edited, retracted, reactions } = message;
  if (retracted > 0) return '(taken back)';
  const marks = reactions.map(({ text, count }) => (count === 1 ? ` ${text}` : ` ${text} ${count}`));
  return [contentWords(message), edited > 0 ? ' (edited)' : '', ...marks].join('');
}
