/**
 * A server that speaks the protocol of S3, from npm: other code than the client's, with signatures, parts and pages. A process of its own, because the
 * cipher of its page tokens is one that OpenSSL has only when it is told to.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

type S3rver = new (options: {
  readonly address: string;
  readonly port: number;
  readonly directory: string;
  readonly silent: boolean;
  readonly configureBuckets: readonly { readonly name: string }[];
}) => { run(): Promise<{ readonly port: number }> };

/** Keeps what it is given in `directory`, until the test ends. Its keys are S3RVER and S3RVER. Answers with its url. */
export async function startS3(t: Test, directory: string, bucket: string): Promise<string> {
  const server: ChildProcess = fork(fileURLToPath(import.meta.url), ['serve', directory, bucket], {
    execArgv: ['--openssl-legacy-provider'],
    env: {},
  });
  t.teardown(() => server.kill());
  const [port] = (await once(server, 'message')) as [number];
  return `http://127.0.0.1:${port}`;
}

async function serve(directory: string, bucket: string): Promise<void> {
  // It has no types of its own.
  const require = createRequire(import.meta.url);
  const Server = require('s3rver') as S3rver;
  const options = { address: '127.0.0.1', port: 0, directory, silent: true, configureBuckets: [{ name: bucket }] };
  const { port } = await new Server(options).run();
  process.send?.(port);
  process.once('disconnect', () => process.exit());
}

const [, , word, directory = '', bucket = ''] = process.argv;
if (word === 'serve' && process.send !== undefined) void serve(directory, bucket);
