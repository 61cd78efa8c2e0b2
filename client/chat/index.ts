import { RingpostError } from '../errors.ts';
import type { EventStream, RingpostClient } from '../index.ts';
import { askHidden } from './ask.ts';
import { completions } from './commands.ts';
import { converse } from './converse.ts';
import { type Entrance, enter, enterAnew } from './enter.ts';
import { failureWords } from './failures.ts';
import { openHome } from './home.ts';
import { type ChatIo, isTerminal, processIo } from './io.ts';
import { type ChatOptions, chatHelp, parseChat } from './options.ts';
import { PlainScreen } from './plain-screen.ts';
import { Talk } from './talk.ts';
import { TerminalScreen } from './terminal-screen.ts';

export type { ChatIo } from './io.ts';

/**
 * `ringpost chat NAME …`: a chat in the terminal, or line by line through a pipe. Resolves with the exit code when it is over: 0 well,
 * 1 failed (said on standard error), 2 not understood. It never rejects for what a server or a person does.
 */
export async function runChat(argv: readonly string[], io: ChatIo = processIo): Promise<number> {
  const parsed = parseChat(argv, io.env);
  switch (parsed.kind) {
    case 'help':
      io.stdout.write(chatHelp);
      return 0;
    case 'wrong':
      io.stderr.write(`${parsed.why}\nringpost chat --help tells more.\n`);
      return 2;
    case 'chat':
      return chat(parsed.options, io);
  }
}

async function chat(options: ChatOptions, io: ChatIo): Promise<number> {
  const home = openHome(io.env, options.urls[0]!, options.user);
  let release = async () => {};
  try {
    const claimed = await home.claimDevice(options.device);
    release = claimed.release;
    const entrance: Entrance = {
      options,
      home,
      device: claimed.device,
      ask: (question) => askHidden(io, question),
      note: (text) => io.stdout.write(isTerminal(io) ? `   ${text}\n` : `* ${text}\n`),
    };
    const { client, events, newsAfter } = await connected(entrance);
    if (!isTerminal(io)) return await converse(new Talk(client, new PlainScreen(io), newsAfter), events, options);
    const typed = await home.typed();
    const screen: TerminalScreen = new TerminalScreen(io, {
      typed,
      complete: (line) => completions(talk, line),
      typing: (line) => talk.typed(line),
    });
    const talk = new Talk(client, screen, newsAfter);
    try {
      return await converse(talk, events, options);
    } finally {
      await home.keepTyped(screen.typed);
    }
  } catch (error) {
    if (error instanceof RingpostError) io.stderr.write(`${failureWords(error, options)}\n`);
    else if (isSystemError(error)) io.stderr.write(`The state of the chat can't be kept: ${error.message}\n`);
    else throw error;
    return 1;
  } finally {
    await release();
  }
}

interface Connected {
  readonly client: RingpostClient;
  readonly events: EventStream;
  /** Events up to this number were there before this device was. */
  readonly newsAfter: number;
}

/** Enters and connects; a session from last time that has ended meanwhile is replaced by a new one. */
async function connected(known: Entrance): Promise<Connected> {
  let isNew = false;
  const entrance: Entrance = {
    ...known,
    made() {
      isNew = true;
    },
  };
  const client = await enter(entrance);
  try {
    return await connect(client, isNew);
  } catch (error) {
    await client.close();
    const ended = error instanceof RingpostError && (error.code === 'login_needed' || error.code === 'revoked');
    if (!ended) throw error;
    return connect(await enterAnew(entrance), isNew);
  }
}

/** `isNew`: what has come to the account before it was connected is news all the same. */
async function connect(client: RingpostClient, isNew: boolean): Promise<Connected> {
  const fresh = client.saved().epoch === '' && !isNew;
  const events = client.events();
  await client.connect({ keepTrying: false });
  return { client, events, newsAfter: fresh ? client.head : 0 };
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
