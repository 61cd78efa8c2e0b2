/** Options of a node's end of the admin console. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AccessSettings } from '../console/index.ts';
import { type Options, textOf, UsageError, wholeNumber } from './options.ts';

export interface ConsoleSettings {
  readonly host: string;
  readonly port: number;
  readonly access: AccessSettings;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer | undefined } | undefined;
  readonly reflection: boolean;
}

export const consoleOptions = {
  'admin-port': { type: 'string' },
  'admin-host': { type: 'string' },
  'admin-tokens': { type: 'string' },
  'admin-tls-ca': { type: 'string' },
  'admin-tls-cert': { type: 'string' },
  'admin-tls-key': { type: 'string' },
  'admin-reflection': { type: 'boolean' },
} as const;

export const consoleHelp = `  --admin-port N         where the admin console connects (none; 0 takes a free port)
  --admin-host ADDRESS   which interface to listen on for it (127.0.0.1)
  --admin-tokens FILE    who may: a name, a role (viewer, operator, admin) and a token a line
  --admin-tls-cert FILE  TLS for it, with --admin-tls-key FILE; with --admin-tls-ca FILE callers need a certificate
                         signed by that one: CN names them, OU is their role
  --admin-reflection     gRPC tools may ask it which methods there are
`;

/**
 * Undefined where no console is wanted. `mayBeOpen`: one process on its own machine needs neither tokens nor certificates. Throws a UsageError for what
 * would let in whoever can connect.
 */
export function consoleOf(options: Options, mayBeOpen: boolean): ConsoleSettings | undefined {
  if (options['admin-port'] === undefined) {
    const stray = Object.keys(consoleOptions).find((name) => options[name] !== undefined);
    if (stray !== undefined) throw new UsageError(`--${stray} has no use without --admin-port.`);
    return undefined;
  }
  const port = wholeNumber(options, 'admin-port', 0, 0, 65_535);
  const host = textOf(options, 'admin-host', '127.0.0.1');
  const tls = tlsOf(options);
  const isLocal = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host);
  const file = textOf(options, 'admin-tokens', '');
  if (tls === undefined && !isLocal) {
    throw new UsageError(`The admin console is on ${host} with TLS only: --admin-tls-cert and --admin-tls-key.`);
  }
  const reflection = options['admin-reflection'] === true;
  return { host, port, access: accessOf(file, tls?.ca !== undefined, mayBeOpen && isLocal), tls, reflection };
}

function accessOf(file: string, asksForCertificates: boolean, mayBeOpen: boolean): AccessSettings {
  if (file !== '') return { kind: 'tokens', file };
  if (asksForCertificates) return { kind: 'certificates' };
  if (mayBeOpen) return { kind: 'open' };
  throw new UsageError('Who may use the admin console? --admin-tokens FILE, or --admin-tls-ca FILE for certificates.');
}

function tlsOf(options: Options): ConsoleSettings['tls'] {
  const [cert, key, ca] = ['cert', 'key', 'ca'].map((part) => textOf(options, `admin-tls-${part}`, ''));
  if (!cert && !key && !ca) return undefined;
  if (!cert || !key) throw new UsageError('TLS takes both --admin-tls-cert and --admin-tls-key.');
  return { cert: readFileSync(cert), key: readFileSync(key), ca: ca ? readFileSync(ca) : undefined };
}

/** Of the nodes that `ringpost cluster` starts: what each is told, and what its operator is. Nothing where no `--admin-port` is. */
export function localConsoles(
  options: Options,
  dataFolder: string,
  count: number,
): { readonly words: string; of(index: number): readonly string[] } {
  const first = wholeNumber(options, 'admin-port', 0, 1, 65_535 - count);
  if (first === 0) return { words: '', of: () => [] };
  const file = join(dataFolder, 'admin-tokens');
  if (!existsSync(file)) writeFileSync(file, `local admin ${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  return {
    words: `\nTo see and steer it:\n\n  npx ringpost admin nodes --node 127.0.0.1:${first} --token-file ${file}\n`,
    of: (index) => ['--admin-port', String(first + index), '--admin-tokens', file],
  };
}
