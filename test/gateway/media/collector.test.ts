import { Readable } from 'node:stream';
import t from 'tap';
import { until } from '../stage.ts';
import { photo } from './pictures.ts';
import { stage } from './stage.ts';

const quick = ['gateway.file_grace_ms=600', 'gateway.collect_pause_ms=50', 'gateway.collect_page_blobs=2'];

t.test('FIL8 what no message holds any more is deleted after its grace, and nothing else', async (t) => {
  const server = await stage(t, quick);
  const [alice, bob] = await Promise.all([server.client('alice'), server.client('bob')]);
  const upload = async (bytes: Uint8Array) => alice.client.files.upload(bytes, { name: 'x' });
  const unsent = await upload(Buffer.from('nobody ever sent it'));
  const picture = await upload(await photo());
  const kept = await upload(Buffer.from('kept'));
  await alice.client.send('bob', '', { file: picture }).accepted;
  await alice.client.send('bob', '', { file: kept }).accepted;
  await bob.heard(2);
  // Of who died before it could say so.
  await server.storage.put(`${'f'.repeat(64)}.9-z`, Readable.from([Buffer.from('orphan')]));
  let names = await server.blobs();
  const has = (start: string) => names.some((name) => name.startsWith(start));
  t.ok(has(unsent.id) && has(picture.id) && has(kept.id) && has('f'));
  const look = async () => {
    names = await server.blobs();
  };
  await until(() => {
    void look();
    return !has(unsent.id) && !has('ffff');
  });
  t.equal(names.length, 3, 'the picture, the smaller one, the other file');
  t.equal((await alice.client.send('bob', '', { file: unsent }).accepted.catch((error) => error)).code, 'unknown_file');
  await alice.client.messages.retract({ from: 'alice', to: 'bob', seq: 1 });
  await until(() => {
    void look();
    return !has(picture.id);
  });
  t.match(names, [new RegExp(kept.id)]);
  const again = await upload(await photo());
  t.ok(again.id, 'it may come again');
  await alice.client.send('bob', '', { file: again }).accepted;
  const message = await bob.heard(3);
  t.equal((await (await bob.client.files.download(message)).arrayBuffer()).byteLength, again.bytes);
  t.same(server.warnings, []);
});

t.test('FIL8 a file that is uploaded and sent while the collector goes round is never lost', async (t) => {
  const server = await stage(t, ['gateway.file_grace_ms=300', 'gateway.collect_pause_ms=5']);
  const [alice, bob] = await Promise.all([server.client('alice'), server.client('bob')]);
  for (let round = 1; round <= 6; round++) {
    const file = await alice.client.files.upload(Buffer.from('the same again'), { name: 'x' });
    await alice.client.send('bob', '', { file }).accepted;
    const message = await bob.heard(round);
    t.equal(await (await bob.client.files.download(message)).text(), 'the same again');
    await alice.client.messages.retract({ from: 'alice', to: 'bob', seq: round });
    await new Promise((resolve) => setTimeout(resolve, 100 * round));
  }
  t.same(server.warnings, []);
});

t.test('a storage that fails is told of, and the upload may be taken when it works again', async (t) => {
  const server = await stage(t);
  const alice = await server.client('alice');
  const { put } = server.storage;
  let failing = true;
  Object.assign(server.storage, {
    put: (...args: Parameters<typeof put>) => (failing ? Promise.reject(new Error('no room')) : put(...args)),
  });
  const sending = alice.client.files.upload(Buffer.from('patience'), { name: 'x' });
  t.equal((await sending.catch((error) => error)).code, 'internal');
  t.match(server.warnings.join(), /no room|a request failed/);
  failing = false;
  t.match(await alice.client.files.upload(Buffer.from('patience'), { name: 'x' }), { bytes: 8 });
});
