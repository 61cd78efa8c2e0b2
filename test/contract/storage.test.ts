import t from 'tap';
import { folderStorage } from '../../gateway/media/folder-storage.ts';
import { s3Storage } from '../../gateway/media/s3-storage.ts';
import { startS3 } from './s3-server.ts';
import { storageContract } from './storage.ts';

t.test('a folder', async (t) => {
  await storageContract(t, () => folderStorage(t.testdir()));
});

t.test('S3, by a server of its protocol', async (t) => {
  const endpoint = await startS3(t, t.testdir(), 'files');
  process.env.AWS_ACCESS_KEY_ID = 'S3RVER';
  process.env.AWS_SECRET_ACCESS_KEY = 'S3RVER';
  const place = { bucket: 'files', region: 'us-east-1', endpoint };
  await storageContract(t, async () => s3Storage({ ...place, prefix: 'ringpost/' }));
  const other = s3Storage({ ...place, prefix: '' });
  t.teardown(() => other.close());
  t.same((await other.list('', 10)).blobs, [], 'nothing of it is left in the bucket');
  await t.rejects(s3Storage({ ...place, bucket: 'nowhere', prefix: '' }).list('', 1));
});
