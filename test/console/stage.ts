/** A node of one process with its console, and what it takes to call it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { auditLog, Group, messengerBehaviours, reportsAt, User } from '../../actors/index.ts';
import { adminService, healthService, loadDefinition } from '../../console/definition.ts';
import { type ConsoleOptions, openConsole } from '../../console/server.ts';
import { defaultLimits, Node } from '../../runtime/index.ts';
import { embeddedPorts } from '../../runtime/io/index.ts';

const log = { info() {}, warn() {}, error() {} };

export interface Stage {
  readonly node: Node;
  readonly port: number;
  close(): Promise<void>;
}

export async function stage(
  options: Pick<ConsoleOptions, 'access' | 'tls'> & { reflection?: boolean },
): Promise<Stage> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'ringpost-console-'));
  const ports = await embeddedPorts({ node: 'solo', partitions: 4, dataFolder, log });
  const node = new Node({
    ports,
    limits: defaultLimits,
    behaviours: messengerBehaviours(),
    partitions: 4,
    settleMs: 0,
  });
  node.start();
  await node.ready();
  const kinds = { user: User, group: Group, audit: auditLog, reportsAt };
  const opened = await openConsole({
    reflection: false,
    ...options,
    ...{
      node,
      log,
      kinds,
      backup: { kind: 'none' as const, why: 'stop it, and copy its folder' },
      host: '127.0.0.1',
      port: 0,
      serving: () => true,
    },
  });
  return {
    node,
    port: opened.port,
    async close() {
      await opened.close();
      await node.stop();
      await ports.close();
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}

const definition = loadDefinition();

/** Every method that the server has, from its definitions. */
export const methods = [adminService(definition).service, healthService(definition).service].flatMap((service) =>
  Object.values(service),
);

/** Calls a method with an empty request; the name of the status that it ended with. A stream is ended after its first answer. */
export function statusOf(
  port: number,
  method: (typeof methods)[number],
  { token, channel = credentials.createInsecure() }: { readonly token?: string; readonly channel?: ChannelCredentials },
): Promise<string> {
  const client = new Client(`localhost:${port}`, channel);
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const { path, requestSerialize, responseDeserialize, responseStream } = method;
  const deadline = Date.now() + 10_000;
  return new Promise<string>((resolve) => {
    const ended = (error: ServiceError | null): void => resolve(error === null ? 'OK' : (status[error.code] ?? ''));
    if (!responseStream) {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, metadata, { deadline }, ended);
      return;
    }
    const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {}, metadata, {
      deadline,
    });
    stream.on('error', (error: ServiceError) => ended(error));
    stream.once('data', () => {
      stream.cancel();
      resolve('OK');
    });
  }).finally(() => client.close());
}
