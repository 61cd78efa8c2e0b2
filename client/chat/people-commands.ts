/** What a person tells of itself in a chat, and what it asks of others. Each rejects with the errors of the client's `people`. */
import { promises as fs } from 'node:fs';
import { isUserId } from '../../proto/decode.ts';
import { reportReasons } from '../../proto/report-words.ts';
import type { Profile, UserProfile } from '../../proto/words.ts';
import { RingpostError } from '../errors.ts';
import type { Command } from './commands.ts';
import { placeWords } from './content.ts';
import type { Talk } from './talk.ts';

export const peopleCommands: { readonly [name: string]: Command } = {
  '/profile': { usage: '/profile [NAME]', does: 'what somebody, or you, tells of themselves', run: profile },
  '/set': { usage: '/set name|about|email|phone TEXT', does: 'tell something of yourself', run: set },
  '/findable': { usage: '/findable everyone|contacts|nobody', does: 'who finds you by email or phone', run: findable },
  '/report': {
    usage: '/report NAME REASON [TEXT]',
    does: `tell whoever runs this server of somebody: ${reportReasons.join(', ')}`,
    run: report,
  },
  '/export': { usage: '/export FILE', does: 'all that the server holds of you, into a file', run: exportTo },
  '/find': { usage: '/find NAME|EMAIL|PHONE', does: 'look for somebody', run: find },
};

const fields = ['name', 'about', 'email', 'phone'] as const;
const audiences = ['everyone', 'contacts', 'nobody'] as const;
type Field = (typeof fields)[number];

async function profile(talk: Talk, argument: string): Promise<void> {
  const user = argument === '' ? talk.client.user : argument;
  if (!isUserId(user)) {
    talk.screen.alert(`"${user}" can't be a name.`);
    return;
  }
  const [told] = await talk.client.people.profiles([user]);
  if (told !== undefined) talk.screen.answer(profileLines(told));
}

function profileLines(told: UserProfile): string[] {
  if (told.state === 'gone') return [`${told.user} has left: the account was deactivated.`];
  if (told.state === 'unavailable') return [`${told.user} can't be asked just now; try again.`];
  const lines = fields.flatMap((field) => (told[field] === '' ? [] : [`${field.padEnd(6)} ${oneLine(told[field])}`]));
  const { place } = told;
  if (place !== undefined) lines.push(`place  ${placeWords(place)}`);
  return lines.length === 0 ? [`${told.user} tells you nothing.`] : [told.user, ...lines];
}

function oneLine(text: string): string {
  return text.replaceAll('\n', ' / ');
}

/** A profile is set whole, so the rest of it is asked for first. */
async function set(talk: Talk, argument: string): Promise<void> {
  const { client, screen } = talk;
  const [, name = '', text = ''] = /^(\S*)\s*(.*)$/s.exec(argument) ?? [];
  const field = fields.find((one) => one === name);
  if (field === undefined) {
    screen.alert('What? /set name, about, email or phone, and the text; without a text it is told no more.');
    return;
  }
  const [told] = await client.people.profiles([client.user]);
  if (told === undefined || told.state !== 'here') {
    screen.alert('Your profile can not be read just now; try again.');
    return;
  }
  const { user: _, state: __, ...before } = told;
  await client.people.setProfile(changed(before, field, text));
  screen.note(text === '' ? `You tell no ${field} any more.` : `Your ${field} is: ${oneLine(text)}`);
}

async function find(talk: Talk, text: string): Promise<void> {
  const by = text.includes('@') ? 'email' : /^\+?[0-9(]/.test(text) ? 'phone' : 'user';
  if (text === '') {
    talk.screen.alert('Whom? /find NAME, an email or a phone number.');
    return;
  }
  const list = await talk.client.people.find(by, text);
  talk.screen.answer(list.length === 0 ? ['Nobody is found by that.'] : list.flatMap(profileLines));
}

async function findable(talk: Talk, text: string): Promise<void> {
  const found = audiences.find((one) => one === text);
  if (found === undefined) talk.screen.alert('By whom? /findable everyone, contacts or nobody.');
  else {
    await talk.client.people.setPrivacy({ found });
    talk.screen.note(found === 'nobody' ? 'Nobody finds you by email or phone.' : 'You are found by email and phone.');
  }
}

/** With the last message shown of that user, if it is what is open. */
async function report(talk: Talk, argument: string): Promise<void> {
  const { client, screen, lastTheirs } = talk;
  const [, user = '', word = '', text = ''] = /^(\S*)\s*(\S*)\s*(.*)$/s.exec(argument) ?? [];
  const reason = reportReasons.find((one) => one === word);
  if (!isUserId(user) || reason === undefined) {
    screen.alert(`Whom, and why? /report NAME ${reportReasons.join('|')}`);
    return;
  }
  const message = lastTheirs?.from === user ? { message: lastTheirs } : {};
  await client.people.report(user, reason, { text, ...message });
  screen.note(`Reported${lastTheirs?.from === user ? ', with the last message' : ''}. ${user} is not told.`);
}

async function exportTo(talk: Talk, path: string): Promise<void> {
  if (path === '') {
    talk.screen.alert('Into which file? /export FILE');
    return;
  }
  try {
    // It holds what was said to this user: for nobody else to read, and over no other file.
    const file = await fs.open(path, 'wx', 0o600);
    try {
      const count = await talk.client.account.exportTo((line) => file.write(line));
      talk.screen.note(`${count} lines are in ${path}.`);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof RingpostError || !(error instanceof Error)) throw error;
    talk.screen.alert(`${path} can't be written: ${error.message}`);
  }
}

function changed(before: Profile, field: Field, text: string): Profile {
  return { ...before, [field]: text };
}
