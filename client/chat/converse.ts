import { RingpostError } from '../errors.ts';
import type { EventStream } from '../index.ts';
import { carryOut } from './commands.ts';
import { failureWords } from './failures.ts';
import { chatLimits } from './limits.ts';
import type { ChatOptions } from './options.ts';
import type { Talk } from './talk.ts';

/**
 * One chat from welcome to goodbye. Resolves with the exit code: 1 when a message of a pipe was not delivered or not even sent. Rejects
 * with the `RingpostError` that ended the client, if one did.
 */
export async function converse(talk: Talk, events: EventStream, options: ChatOptions): Promise<number> {
  const { screen, client } = talk;
  if (screen.context) screen.note(`You are ${client.user}. /help lists the commands.`);
  talk.leftOver();
  talk.groupsKnown = meetGroups(talk, options);
  if (options.to !== undefined) await carryOut(talk, `/to ${options.to}`, options);
  const heard = hear(talk, events);
  const close = () => screen.close();
  heard.then(close, close);
  let quit = false;
  for await (const line of screen.lines) {
    quit = (await carryOut(talk, line, options)) === 'quit';
    if (quit) break;
  }
  if (!screen.context && client.state !== 'closed') await answered(talk, quit);
  talk.close();
  const ownEnd = client.state !== 'closed';
  await client.close();
  screen.close();
  const error = await heard;
  if (!ownEnd && error !== undefined) throw error;
  return goodbye(talk);
}

/** Without them groups have no names; all else goes on. */
async function meetGroups(talk: Talk, options: ChatOptions): Promise<void> {
  try {
    await talk.meetGroups();
  } catch (error) {
    if (!(error instanceof RingpostError)) throw error;
    if (error.code !== 'closed') talk.screen.alert(failureWords(error, options));
  }
}

/** Resolves when the client is closed: with the reason, where it was not the person's wish. */
async function hear(talk: Talk, events: EventStream): Promise<RingpostError | undefined> {
  let error: RingpostError | undefined;
  for await (const event of events) {
    if (event.kind === 'state' && event.state === 'closed') error = event.error;
    else talk.hear(event);
  }
  return error;
}

/** The end of piped input: the server's answers, and a moment for what is heard of the messages at once. */
async function answered({ ledger }: Talk, quit: boolean): Promise<void> {
  const messages = ledger.newest();
  const waitMs = quit ? chatLimits.leave_linger_ms_max : chatLimits.leave_wait_ms_max;
  await until(() => messages.every(({ id }) => ledger.get(id)?.tick !== 'waiting'), waitMs);
  await until(() => messages.every(({ id }) => ledger.get(id)?.tick !== 'sent'), chatLimits.leave_linger_ms_max);
}

function goodbye({ ledger, screen }: Talk): number {
  const messages = ledger.newest();
  const waiting = messages.filter(({ tick }) => tick === 'waiting').length;
  const failed = messages.some(({ tick }) => tick === 'failed');
  if (waiting > 0)
    screen.alert(`Not sent yet: ${waiting}. It is kept, and goes out with the next chat of this device.`);
  return !screen.context && (waiting > 0 || failed) ? 1 : 0;
}

/** Polls: it happens once, at the end, and what it waits for has no event of its own. */
async function until(done: () => boolean, wait_ms_max: number): Promise<void> {
  const deadline = Date.now() + wait_ms_max;
  while (!done() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
}
