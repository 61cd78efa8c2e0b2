/** How an operator's command reaches a cluster, and what it makes of the answers. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { AdminClient, type AdminClientOptions, AdminError } from '../../console/client.ts';
import { type Options, textOf, UsageError } from '../options.ts';
import type { Terminal } from '../terminal.ts';

export const connectOptions = {
  node: { type: 'string' },
  'token-file': { type: 'string' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  json: { type: 'boolean' },
  yes: { type: 'boolean' },
  reason: { type: 'string' },
} as const;

export const connectHelp = `  --node HOST:PORT[,…]   nodes' admin consoles; the first that can be reached is asked (RINGPOST_ADMIN_NODE, or 127.0.0.1:7700)
  --token-file FILE      a file with a token in it (or the token itself in RINGPOST_ADMIN_TOKEN)
  --tls-ca FILE          who signed the nodes' certificates; --tls-cert FILE and --tls-key FILE: one's own
  --json                 for scripts
  --yes                  don't ask whether it is meant
  --reason WORDS         why, for the audit log: wanted for all that changes something
`;

/** One command, on its way. */
export interface Errand {
  readonly client: AdminClient;
  readonly words: readonly string[];
  readonly options: Options;
  readonly terminal: Terminal;
  readonly json: boolean;
}

export function connect(options: Options): AdminClient {
  return new AdminClient(clientOptionsOf(options));
}

/** Throws a UsageError for what makes no sense. */
export function clientOptionsOf(options: Options): AdminClientOptions {
  const nodes = textOf(options, 'node', process.env.RINGPOST_ADMIN_NODE ?? '127.0.0.1:7700').split(',');
  const wrong = nodes.find((node) => !/^(\[[0-9a-f:]+\]|[^\s:/]+):\d{1,5}$/i.test(node));
  if (wrong !== undefined) throw new UsageError(`--node takes HOST:PORT, not "${wrong}".`);
  const [ca, cert, key] = ['tls-ca', 'tls-cert', 'tls-key'].map((name) => textOf(options, name, ''));
  if ((cert || key) && !(cert && key && ca)) {
    throw new UsageError('--tls-cert and --tls-key belong together, and to --tls-ca.');
  }
  const token = tokenOf(options);
  return {
    nodes,
    ...(token !== '' && { token }),
    ...(ca && {
      tls: { ca: readFileSync(ca), ...(cert && key && { cert: readFileSync(cert), key: readFileSync(key) }) },
    }),
  };
}

/** Of a line with a name and a role before it, as the nodes have it, the last word. */
function tokenOf(options: Options): string {
  const file = textOf(options, 'token-file', '');
  if (file === '') return process.env.RINGPOST_ADMIN_TOKEN ?? '';
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((text) => text.trim() !== '' && !text.startsWith('#'));
  return line?.trim().split(/\s+/).at(-1) ?? '';
}

/** Why it is done. Asked for where there is somebody to ask. */
export async function reasonOf({ options }: Errand): Promise<string> {
  const given = textOf(options, 'reason', '').trim();
  if (given !== '') return given;
  const said = await ask('Why? (for the audit log) ');
  if (said === undefined || said.trim() === '') throw new UsageError('--reason WORDS is wanted, for the audit log.');
  return said.trim();
}

/** For what harms: `name` is to be typed, where `--yes` does not say it. False when it is not meant. */
export async function isMeant({ options, terminal }: Errand, what: string, name: string): Promise<boolean> {
  if (options.yes === true) return true;
  const said = await ask(`${what}\nType ${name} to go on: `);
  if (said === undefined) throw new UsageError(`${what} Say --yes if that is meant.`);
  if (said.trim() === name) return true;
  terminal.tell('Nothing was done.');
  return false;
}

/** Undefined where nobody is there to answer. */
async function ask(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

/** Exit codes of `ringpost admin`, besides 0 for done and 2 for a command line that makes no sense. */
const codes: { readonly [status: string]: number | undefined } = {
  INVALID_ARGUMENT: 2,
  NOT_FOUND: 3,
  UNAUTHENTICATED: 4,
  PERMISSION_DENIED: 4,
  UNREACHABLE: 5,
  UNAVAILABLE: 5,
  DEADLINE_EXCEEDED: 5,
};

const prefaces: { readonly [status: string]: string | undefined } = {
  NOT_FOUND: 'Not there',
  UNAUTHENTICATED: 'Not let in',
  PERMISSION_DENIED: 'Not allowed',
  UNREACHABLE: 'No node was reached',
  UNAVAILABLE: 'Not now',
  DEADLINE_EXCEEDED: 'No answer in time',
  FAILED_PRECONDITION: 'Not as things are',
  RESOURCE_EXHAUSTED: 'There is no room',
  UNIMPLEMENTED: 'The node that was asked is older than this command',
};

export function failed(error: AdminError, { tell }: Terminal): number {
  tell(`${prefaces[error.status] ?? 'It failed'}: ${error.message}`);
  return codes[error.status] ?? 1;
}

export function isAdminError(error: unknown): error is AdminError {
  return error instanceof AdminError;
}
