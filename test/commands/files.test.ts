import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openFiles } from '../../commands/files.ts';
import { UsageError } from '../../commands/options.ts';
import { freePort } from '../../scripts/free-ports.ts';
import { startS3 } from '../contract/s3-server.ts';
import { photo } from '../gateway/media/pictures.ts';
import { ServerProcess, signIn } from '../scenario/cluster.ts';

process.env.AWS_ACCESS_KEY_ID = 'S3RVER';
process.env.AWS_SECRET_ACCESS_KEY = 'S3RVER';

t.test('FIL a server whose files are in S3', async (t) => {
  const endpoint = await startS3(t, t.testdir(), 'files');
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-s3-'));
  const place = ['--files', 's3://files/of/ringpost', '--s3-endpoint', endpoint];
  const server = new ServerProcess('solo', await freePort(), ['start', '--data', folder, ...place]);
  t.teardown(async () => {
    await server.signal('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  await server.start();
  const alice = await signIn('alice', 'phone', { url: server.url });
  t.teardown(() => alice.close());
  const noise = randomBytes(7_000_000);
  const file = await alice.files.upload(noise, { name: 'noise' });
  const rest = await alice.files.download(file, { from: 6_999_000 });
  t.equal(rest.status, 206);
  t.ok(noise.subarray(6_999_000).equals(Buffer.from(await rest.arrayBuffer())));
  const picture = await alice.files.upload(await photo(), { name: 'beach.jpg' });
  t.equal((await alice.files.download(picture, { thumb: true })).headers.get('content-type'), 'image/webp');
  const storage = await openFiles({ files: 's3://files/of/ringpost/', 's3-endpoint': endpoint }, '');
  t.teardown(() => storage?.close());
  t.equal((await storage?.list('', 10))?.blobs.length, 3);
});

t.test('where files are kept is said in a way that is understood, or refused', async (t) => {
  t.equal(await openFiles({}, ''), undefined);
  for (const files of ['s3://', 's3://B', 's3:///x', 's3://a/']) {
    await t.rejects(openFiles({ files }, ''), UsageError, files);
  }
  const folder = await openFiles({}, t.testdir());
  t.same(await folder?.list('', 1), { blobs: [], next: '' });
});
