import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { RingpostClient } from '../../client/index.ts';
import type { MessageEvent } from '../../proto/words.ts';
import { photo } from '../gateway/media/pictures.ts';
import { type ClusterUnderTest, startCluster, until } from './cluster.ts';

t.setTimeout(180_000);

const grace_ms = 6_000;

function blobsOf({ folder }: ClusterUnderTest): string[] {
  return (readdirSync(join(folder, 'files'), { recursive: true }) as string[]).filter((name) => name.includes('.'));
}

/** The messages that have come to it. */
function inbox(client: RingpostClient): MessageEvent[] {
  const messages: MessageEvent[] = [];
  client.on('message', (message) => void messages.push(message));
  return messages;
}

async function bytesOf(response: Promise<Response>): Promise<Buffer> {
  return Buffer.from(await (await response).arrayBuffer());
}

t.test('FIL: files on three nodes of which one dies at every step', async (t) => {
  const cluster = await startCluster(3, [`gateway.file_grace_ms=${grace_ms}`, 'gateway.collect_pause_ms=200']);
  t.teardown(() => cluster.stop());
  const [n1, n2, n3] = cluster.nodes;
  if (n1 === undefined || n2 === undefined || n3 === undefined) throw new Error('three nodes');
  const alice = await cluster.client('alice');
  const bob = await cluster.client('bob');
  const carol = await cluster.client('carol');
  for (const client of [alice, bob, carol]) await client.connect();
  const [toBob, toCarol] = [inbox(bob), inbox(carol)];

  // The node that takes the upload dies when a part of it is there: it is begun anew at another one.
  const noise = randomBytes(24_000_000);
  let killed: Promise<void> | undefined;
  const file = await alice.files.upload(noise, {
    name: 'noise',
    onProgress: (sent) => {
      if (sent > 4_000_000) killed ??= n1.signal('SIGKILL');
    },
  });
  t.ok(killed, 'the first node was killed on the way');
  t.equal(file.id, createHash('sha256').update(noise).digest('hex'));

  // Another one dies between upload and send.
  await killed;
  await n1.start();
  const picture = await alice.files.upload(await photo(), { name: 'beach.jpg' });
  await n2.signal('SIGKILL');
  await alice.send('bob', 'the noise', { file }).accepted;
  await alice.send('bob', 'the beach', { file: picture }).accepted;
  await until('bob has both', () => toBob.length === 2, 40_000);
  t.match(toBob, [{ more: { file: { id: file.id } } }, { more: { file: { kind: 'image', id: picture.id } } }]);
  t.ok(noise.equals(await bytesOf(bob.files.download(toBob[0]!))), 'from whichever node he asks');
  await n2.start();

  // And one between sending and sending on.
  await n3.signal('SIGKILL');
  await bob.send('carol', '', { file: bob.files.of(toBob[1]!) }).accepted;
  await until('carol has it', () => toCarol.length === 1, 40_000);
  t.equal(
    createHash('sha256')
      .update(await bytesOf(carol.files.download(toCarol[0]!)))
      .digest('hex'),
    picture.id,
  );
  await n3.start();

  // What is taken back is gone after its grace, wherever its actor lives by then; what somebody else has stays.
  await alice.messages.retract({ from: 'alice', to: 'bob', seq: 1 });
  await alice.messages.retract({ from: 'alice', to: 'bob', seq: 2 });
  await t.rejects(bob.files.download(toBob[0]!), { code: 'unknown_file' });
  await until('the noise is collected', () => !blobsOf(cluster).some((name) => name.includes(file.id)), 60_000);
  t.equal(blobsOf(cluster).filter((name) => name.includes(picture.id)).length, 2, 'the picture and its smaller one');
  t.equal((await bytesOf(carol.files.download(toCarol[0]!))).length, picture.bytes);
});
