import { randomBytes } from 'node:crypto';
import { clusterConfig } from '../cluster.config.ts';
import { connectNats, type NatsLink } from '../runtime/io/nats.ts';
import { type Options, textOf, UsageError } from './options.ts';
import type { Terminal } from './terminal.ts';

/** Time for a nats-server to answer, ms. */
const connect_wait_ms = 5_000;

/** Of commands that reach a cluster through its nats-servers. */
export const linkOptions = { nats: { type: 'string' }, cluster: { type: 'string' } } as const;

export const linkHelp = `  --nats URL[,URL...]    the nats-servers (nats://127.0.0.1:4222)
  --cluster NAME         names the streams and subjects in NATS (${clusterConfig.name})
`;

export interface OperatorLink {
  readonly link: NatsLink;
  readonly cluster: string;
  /** A name that no node has. */
  readonly self: string;
}

/** Rejects when no server answers. What the connection has to say matters to such a command only when it is bad. */
export async function operatorLink(options: Options, terminal: Terminal): Promise<OperatorLink> {
  const cluster = textOf(options, 'cluster', clusterConfig.name);
  const self = `operator-${randomBytes(6).toString('hex')}`;
  const tell = (_: object, words: string): void => terminal.tell(`warning: ${words}`);
  const link = await connectNats({
    servers: textOf(options, 'nats', 'nats://127.0.0.1:4222').split(','),
    name: `ringpost ${cluster} ${self}`,
    log: { info: () => {}, warn: tell, error: tell },
    connectWaitMs: connect_wait_ms,
  });
  return { link, cluster, self };
}

/** Throws a UsageError. */
export function checkName(name: string, what: string): string {
  if (/^[a-z0-9-]{1,32}$/.test(name)) return name;
  throw new UsageError(`"${name}" is no name of a ${what}.`);
}
