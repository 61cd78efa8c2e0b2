import { parseArgs } from 'node:util';
import { isDeviceId, isUserId } from '../../proto/decode.ts';
import { serverUrl } from '../account-api.ts';
import { RingpostError } from '../errors.ts';

export const chatHelp = `ringpost chat NAME: talk in the terminal as NAME.

  --to NAME            whom to write to, or '#TITLE' of a group (later: /to NAME)
  --url URL[,URL…]     where Ringpost is, or several of its nodes (http://127.0.0.1:7480, or RINGPOST_URL)
  --password TEXT      of the account; better in RINGPOST_PASSWORD, where other users of the machine can't see it
  --device NAME        the name of this device (terminal)
  --help               this text

A name that is new on the server becomes an account. On a server of this machine the password is made up and kept for you;
on any other you are asked for one. Sessions, passwords made up, and what you typed are kept in ~/.ringpost (or
XDG_STATE_HOME/ringpost, or RINGPOST_HOME), readable to you alone.

In the chat, /help lists the commands. Without a terminal (in a pipe), each line of input is a message or a command:

  echo "hello" | ringpost chat alice --to bob
`;

export interface ChatOptions {
  readonly user: string;
  readonly to: string | undefined;
  readonly urls: readonly string[];
  readonly password: string | undefined;
  readonly device: string | undefined;
}
export type Parsed =
  | { readonly kind: 'chat'; readonly options: ChatOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly why: string };

const userRule = 'A name is 1 to 32 of a-z 0-9 . _ - and begins with a letter or digit';

/** What a command line asks for. It never throws. */
export function parseChat(argv: readonly string[], env: { readonly [name: string]: string | undefined }): Parsed {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        to: { type: 'string' },
        url: { type: 'string' },
        password: { type: 'string' },
        device: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return { kind: 'help' };
    const [user, ...more] = positionals;
    if (user === undefined) return wrong('Who are you? ringpost chat NAME');
    if (more.length > 0) return wrong(`Only one name is expected; to write to somebody: --to ${more[0]}.`);
    const to = values.to;
    for (const name of to === undefined || to.startsWith('#') ? [user] : [user, to]) {
      if (!isUserId(name)) return wrong(`"${name}" can't be a name. ${userRule}.${suggestion(name)}`);
    }
    if (to === user) return wrong('You cannot write to yourself; --to takes somebody else.');
    const { device } = values;
    if (device !== undefined && !isDeviceId(device)) {
      return wrong(`"${device}" can't be a device: its name is 1 to 32 of A-Z a-z 0-9 . _ -`);
    }
    const urls = (values.url ?? env.RINGPOST_URL ?? 'http://127.0.0.1:7480')
      .split(',')
      .map((url) => serverUrl(url.trim()));
    const password = values.password ?? env.RINGPOST_PASSWORD;
    return { kind: 'chat', options: { user, to, urls, device, password: password === '' ? undefined : password } };
  } catch (error) {
    if (error instanceof RingpostError) return wrong(error.reason);
    return wrong(error instanceof Error ? error.message.split('. To specify')[0]! : String(error));
  }
}

export function suggestion(name: string): string {
  const lower = name.toLowerCase();
  return lower !== name && isUserId(lower) ? ` Did you mean ${lower}?` : '';
}

function wrong(why: string): Parsed {
  return { kind: 'wrong', why };
}

/** Servers on this very machine. */
export function isLocal(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}
