/** Bots in a chat. Each rejects with the errors of the client's `account`. */
import type { Command } from './commands.ts';
import type { Talk } from './talk.ts';

export const botCommands: { readonly [name: string]: Command } = {
  '/bot': { usage: '/bot NAME', does: 'make a bot, or a new token for one of yours', run: make },
  '/bots': { usage: '/bots', does: 'your bots; /unbot NAME ends one for good', run: list },
  '/unbot': { usage: '/unbot NAME', does: 'end a bot of yours for good', run: remove },
};

async function make({ client, screen }: Talk, name: string): Promise<void> {
  const token = await client.account.makeBot(name);
  screen.answer([`${name} is your bot. Whoever has its token speaks for it, until there is another one:`, token]);
}

async function list({ client, screen }: Talk): Promise<void> {
  const bots = await client.account.bots();
  screen.answer(bots.length === 0 ? ['You have no bots; /bot NAME makes one.'] : bots);
}

async function remove({ client, screen }: Talk, name: string): Promise<void> {
  await client.account.removeBot(name);
  screen.note(`${name} has ended. Its name is not given out again.`);
}
