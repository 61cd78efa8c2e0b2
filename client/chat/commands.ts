import { isGroupId, isMessageId, isUserId } from '../../proto/decode.ts';
import type { MessageState } from '../../proto/words.ts';
import { RingpostError } from '../errors.ts';
import { botCommands } from './bot-commands.ts';
import { contentCommands } from './content-commands.ts';
import { failureWords } from './failures.ts';
import { fileCommands } from './file-commands.ts';
import { groupCommands } from './group-commands.ts';
import { chatLimits } from './limits.ts';
import { messageCommands } from './message-commands.ts';
import type { ChatOptions } from './options.ts';
import { peopleCommands } from './people-commands.ts';
import { searchCommands } from './search-commands.ts';
import type { Talk } from './talk.ts';
import { moment, shortened } from './text.ts';
import { whom } from './whom.ts';

export interface Command {
  readonly usage: string;
  readonly does: string;
  run(talk: Talk, argument: string): Promise<void> | void;
}

/** `quit`: the person wants to leave. */
export type Said = 'quit' | 'said';

const commands: { readonly [name: string]: Command | undefined } = {
  '/to': { usage: '/to NAME', does: 'write to somebody else, or to a group: /to #TITLE', run: turnTo },
  '/who': { usage: '/who', does: 'who is online, of those you talked with', run: who },
  '/history': { usage: `/history [N]`, does: `the last N messages (${chatLimits.history_messages})`, run: history },
  '/info': {
    usage: '/info [N or ID]',
    does: 'what became of your last message, of the one N before it, or of one by its id',
    run: info,
  },
  ...contentCommands,
  ...messageCommands,
  ...searchCommands,
  ...fileCommands,
  ...groupCommands,
  ...peopleCommands,
  ...botCommands,
  '/block': {
    usage: '/block NAME',
    does: 'hear nothing of somebody any more',
    run: (talk, user) => block(talk, user, true),
  },
  '/unblock': { usage: '/unblock NAME', does: 'hear of somebody again', run: (talk, user) => block(talk, user, false) },
  '/devices': { usage: '/devices', does: 'where you are logged in', run: devices },
  '/revoke': { usage: '/revoke DEVICE', does: 'log a device out', run: revoke },
  '/help': { usage: '/help', does: 'this list', run: help },
  '/quit': { usage: '/quit', does: 'leave (Ctrl-D, too)', run: () => undefined },
};

/** Carries out one typed line: a command, or a message to the partner. It never rejects: failures are shown. */
export async function carryOut(talk: Talk, line: string, options: ChatOptions): Promise<Said> {
  const text = line.trim();
  if (text === '') return 'said';
  try {
    if (text.startsWith('/') && !text.startsWith('//')) {
      const [name = '', ...rest] = text.split(/\s+/);
      const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
      if (name === '/quit' || name === '/exit') return 'quit';
      if (command === undefined)
        talk.screen.alert(`There is no command ${name}. /help lists them; // begins a message with a slash.`);
      else await command.run(talk, rest.join(' '));
    } else talk.say(text.startsWith('//') ? text.slice(1) : line);
  } catch (error) {
    if (!(error instanceof RingpostError)) throw error;
    talk.screen.alert(failureWords(error, options));
  }
  return 'said';
}

/** What a line could go on as, for the tab key: as readline wants it. */
export function completions(talk: Talk, line: string): [string[], string] {
  if (!line.startsWith('/')) return [[], line];
  const [name = '', argument] = line.split(/\s+/, 2);
  if (argument === undefined) {
    const names = Object.keys(commands).filter((command) => command.startsWith(name));
    return [names.map((command) => (commands[command]?.usage === command ? command : `${command} `)), line];
  }
  if (name !== '/to') return [[], line];
  const rooms = talk.rooms.all.map((group) => talk.rooms.nameOf(group));
  return [[...talk.met, ...rooms].filter((name) => name.startsWith(argument)), argument];
}

async function turnTo(talk: Talk, name: string): Promise<void> {
  if (name === '') talk.screen.alert('Whom do you want to write to? /to NAME');
  else {
    const conversation = await whom(talk, name);
    if (conversation !== undefined) await talk.turnTo(conversation);
  }
}

function who(talk: Talk): void {
  const unread = (of: string): string => {
    const count = talk.unread.get(of) ?? 0;
    return count === 0 ? '' : `, ${count} unread`;
  };
  const lines = [
    ...talk.met.map((user) => `${user}  ${talk.presenceOf(user) || 'not known yet'}${unread(user)}`),
    ...talk.rooms.all.map((group) => `${talk.rooms.nameOf(group)}  group${unread(group)}`),
  ];
  talk.screen.answer(lines.length === 0 ? ['You have talked with nobody yet. /to NAME begins.'] : lines);
}

async function history(talk: Talk, argument: string): Promise<void> {
  const { partner, screen } = talk;
  const count = argument === '' ? chatLimits.history_messages : Number(argument);
  if (partner === undefined) screen.alert('With whom? /to NAME first.');
  else if (!Number.isSafeInteger(count) || count < 1 || count > chatLimits.history_messages_max) {
    screen.alert(`/history takes a number from 1 to ${chatLimits.history_messages_max}.`);
  } else if ((await talk.history(partner, count)) === 0)
    screen.note(
      isGroupId(partner)
        ? 'Nothing has been written here yet.'
        : `You and ${partner} have not written to each other yet.`,
    );
}

async function info(talk: Talk, argument: string): Promise<void> {
  const { ledger, screen, client } = talk;
  const steps = argument === '' ? 0 : /^\d{1,3}$/.test(argument) ? Number(argument) : undefined;
  const id = steps === undefined ? argument : ledger.newest()[steps]?.id;
  if (id === undefined)
    screen.alert(steps === 0 ? 'You have sent nothing in this chat yet.' : 'You have not sent so many yet.');
  else if (!isMessageId(id)) screen.alert(`"${id}" can't be the id of a message.`);
  else if (ledger.get(id)?.tick === 'waiting') screen.answer([`id         ${id}`, 'sent       not yet']);
  else screen.answer(await infoLines(talk, await client.inquire(id)));
}

async function infoLines(talk: Talk, message: MessageState): Promise<string[]> {
  const now = Date.now();
  const time = (at: number) => (at === 0 ? 'not yet' : moment(at, now));
  return [
    `id         ${message.id}`,
    `to         ${talk.rooms.nameOf(message.to)}: ${shortened(message.body, 60)}`,
    `sent       ${time(message.at)}`,
    ...(message.failed === ''
      ? [`delivered  ${time(message.delivered)}`, `read       ${time(message.read)}`]
      : [`failed     ${message.failed}`]),
    ...(isGroupId(message.to) ? [await reachedWords(talk, message)] : []),
    `number     ${message.seq} to ${message.to}, ${message.n} of your timeline`,
  ];
}

async function reachedWords({ client }: Talk, { to, seq }: MessageState): Promise<string> {
  const { count, delivered, read } = await client.groups.reached(to, seq, { limit: 1 });
  return `members    ${delivered} of ${count} have it, ${read} have read it`;
}

async function block(talk: Talk, user: string, on: boolean): Promise<void> {
  if (!isUserId(user))
    talk.screen.alert(user === '' ? `Whom? /${on ? '' : 'un'}block NAME` : `"${user}" can't be a name.`);
  else {
    await (on ? talk.client.people.block(user) : talk.client.people.unblock(user));
    talk.screen.note(
      on ? `You hear nothing of ${user} any more, and ${user} is not told.` : `You hear of ${user} again.`,
    );
  }
}

async function devices(talk: Talk): Promise<void> {
  const { client, screen } = talk;
  const now = Date.now();
  const all = await client.account.devices();
  const width = Math.max(...all.map(({ device }) => device.length));
  screen.answer(
    all.map(({ device, since, seen, online }) => {
      const here = device === client.device ? ', this one' : '';
      const state = online ? 'connected' : `last seen ${moment(seen, now)}`;
      return `${device.padEnd(width)}  ${state}, since ${moment(since, now)}${here}`;
    }),
  );
}

async function revoke(talk: Talk, device: string): Promise<void> {
  if (device === '') {
    talk.screen.alert('Which device? /devices lists them, /revoke NAME logs one out.');
    return;
  }
  await talk.client.account.revoke(device);
  if (device !== talk.client.device) talk.screen.note(`${device} is logged out.`);
}

function help(talk: Talk): void {
  const all = Object.values(commands).flatMap((command) => command ?? []);
  const width = Math.max(...all.map(({ usage }) => usage.length));
  talk.screen.answer([
    ...all.map(({ usage, does }) => `${usage.padEnd(width)}  ${does}`),
    'Everything else is a message. · waiting  ✓ sent  ✓✓ delivered  ✔✔ read  ✗ failed',
  ]);
}
