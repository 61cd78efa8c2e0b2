/** Messages that hold more than text, as they are typed. They throw the errors of the client's `send`. */
import { clientLimits } from '../../proto/words.ts';
import type { Command } from './commands.ts';
import { cardIn, placeIn } from './content.ts';
import type { Talk } from './talk.ts';
import { shortened } from './text.ts';
import { theirs, whom } from './whom.ts';

export const contentCommands: { readonly [name: string]: Command } = {
  '/reply': { usage: '/reply TEXT', does: 'answer the last message of somebody else, with a quote', run: reply },
  '/forward': { usage: '/forward NAME', does: 'send that message on, to somebody or to #TITLE', run: forward },
  '/place': { usage: '/place NORTH EAST [NAME]', does: 'send a place, in degrees', run: place },
  '/card': { usage: '/card NAME …', does: "send somebody's card: @USER, phone number, email", run: card },
  '/once': { usage: '/once TEXT', does: 'send a message that is gone when it was read', run: once },
};

function reply(talk: Talk, text: string): void {
  const last = theirs(talk);
  if (last === undefined) return;
  if (text === '') talk.screen.alert('What do you answer? /reply TEXT');
  else {
    const { from, seq } = last;
    talk.say(text, { more: { reply: { from, seq, quote: shortened(last.body, clientLimits.quote_chars_max) } } });
  }
}

async function forward(talk: Talk, name: string): Promise<void> {
  const { client, screen } = talk;
  const last = theirs(talk);
  if (last === undefined) return;
  if (name === '') screen.alert('To whom? /forward NAME');
  else {
    const to = await whom(talk, name);
    if (to === undefined) return;
    const { place, card, file } = last.more ?? {};
    const more = { forwarded: true as const, ...(place && { place }), ...(card && { card }) };
    talk.say(last.body, { more, ...(file && { file: client.files.of(last) }) }, to);
  }
}

function place(talk: Talk, text: string): void {
  const found = placeIn(text);
  if (found === undefined) talk.screen.alert('Where? /place 48.13743 11.57549 Marienplatz: degrees north, and east.');
  else talk.say('', { more: { place: found } });
}

function card(talk: Talk, text: string): void {
  const found = cardIn(text);
  if (found === undefined) talk.screen.alert('Whose? /card Bob Miller @bob +49 170 1234 bob@example.org');
  else talk.say('', { more: { card: found } });
}

function once(talk: Talk, text: string): void {
  if (text === '') talk.screen.alert('What? /once TEXT');
  else talk.say(text, { more: { vanish: { afterMs: 0, since: 'read' } } });
}
