import { createHash, randomBytes } from 'node:crypto';
import sharp from 'sharp';
import t from 'tap';
import { RingpostError } from '../../../client/index.ts';
import type { MessageEvent } from '../../../proto/words.ts';
import { bomb, photo, photoWithPlace } from './pictures.ts';
import { stage } from './stage.ts';

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

async function code(what: Promise<unknown>): Promise<string> {
  try {
    await what;
    return 'done';
  } catch (error) {
    if (error instanceof RingpostError) return error.code;
    throw error;
  }
}

t.test('FIL1 FIL5 FIL7 a file goes up in pieces, is sent, and comes down, to who has the message', async (t) => {
  const { client, blobs } = await stage(t);
  const [alice, bob, eve] = await Promise.all([client('alice'), client('bob'), client('eve')]);
  const bytes = randomBytes(3_000_000);
  const seen: number[] = [];
  const file = await alice.client.files.upload(bytes, {
    name: 'noise.bin',
    onProgress: (sent) => void seen.push(sent),
  });
  t.same(file, {
    id: hashOf(bytes),
    type: 'application/octet-stream',
    bytes: 3_000_000,
    kind: 'file',
    name: 'noise.bin',
  });
  t.ok(seen.length > 1 && seen.at(-1) === 3_000_000, seen.join(' '));
  await alice.client.send('bob', 'look', { file }).accepted;
  const message = await bob.heard(1);
  t.match(message, { body: 'look', more: { file } });
  t.ok(bytes.equals(await bytesOf(await bob.client.files.download(message))));
  t.ok(bytes.equals(await bytesOf(await alice.client.files.download(file))), 'the uploader, without a message');
  const rest = await bob.client.files.download(message, { from: 2_999_990 });
  t.equal(rest.status, 206);
  t.ok(bytes.subarray(2_999_990).equals(await bytesOf(rest)));
  t.equal(await code(eve.client.files.download(message)), 'unknown_file');
  t.equal(await code(eve.client.files.download(file)), 'unknown_file');
  t.equal(await code(eve.client.send('bob', '', { file }).accepted), 'unknown_file');
  await bob.client.send('eve', '', { file: bob.client.files.of(message) }).accepted;
  const forwarded = await eve.heard(1);
  t.ok(bytes.equals(await bytesOf(await eve.client.files.download(forwarded))));
  t.equal((await blobs()).length, 1);
  await alice.client.messages.retract({ from: 'alice', to: 'bob', seq: 1 });
  t.equal(await code(bob.client.files.download(message)), 'unknown_file', 'taken back');
  t.ok(bytes.equals(await bytesOf(await eve.client.files.download(forwarded))), 'the other message has it still');
});

t.test(
  'FIL3 FIL8 an image has lost its metadata, and has a preview and a smaller one; equal ones are stored once',
  async (t) => {
    const { client, blobs } = await stage(t, ['gateway.thumb_pixels=100']);
    const [alice, bob] = await Promise.all([client('alice'), client('bob')]);
    const original = await photoWithPlace();
    const file = await alice.client.files.upload(original, { name: 'beach.html' });
    t.match(file, { kind: 'image', type: 'image/jpeg', width: 200, height: 300, thumb: true, preview: String });
    t.same(await bob.client.files.upload(new Blob([original as Uint8Array<ArrayBuffer>]), { name: 'x' }), {
      ...file,
      name: 'x',
    });
    t.equal((await blobs()).length, 2, 'the image and the smaller one');
    await alice.client.send('bob', '', { file }).accepted;
    const message = await bob.heard(1);
    const whole = await bob.client.files.download(message);
    t.match(Object.fromEntries(whole.headers), {
      'content-type': 'image/jpeg',
      'content-disposition': "inline; filename*=UTF-8''beach.html",
      'x-content-type-options': 'nosniff',
      'content-security-policy': /sandbox/,
      'cache-control': /immutable/,
    });
    const bytes = await bytesOf(whole);
    t.equal(hashOf(bytes), file.id);
    t.match(await sharp(bytes).metadata(), { exif: undefined, width: 200 });
    t.notMatch(bytes.toString('latin1'), /SECRET-OWNER/);
    const thumb = await bob.client.files.download(message, { thumb: true });
    t.equal(thumb.headers.get('content-type'), 'image/webp');
    t.match(await sharp(await bytesOf(thumb)).metadata(), { height: 100 });
  },
);

t.test('FIL2 FIL3 what is no image, or too much of one, or too large, is refused and leaves nothing', async (t) => {
  const { client, blobs, folder } = await stage(t, [
    'gateway.other_bytes_max=100000',
    'gateway.video_bytes_max=150000',
  ]);
  const { client: alice } = await client('alice');
  const up = (bytes: Uint8Array) => code(alice.files.upload(bytes, { name: 'x.jpg' }));
  t.equal(await up(bomb(30_000, 30_000)), 'image_too_large');
  t.equal(await up((await photo()).subarray(0, 500)), 'bad_image');
  t.equal(await up(Buffer.alloc(120_000)), 'file_too_large', 'by its kind, when it is known');
  t.equal(await up(Buffer.alloc(64 * 1024 * 1024 + 1)), 'file_too_large', 'at once, by what any may have');
  const html = await alice.files.upload(Buffer.from('<script>alert(1)</script>'), { name: 'cat.png' });
  t.match(html, { type: 'application/octet-stream', kind: 'file' });
  const { headers } = await alice.files.download(html);
  t.equal(headers.get('content-type'), 'application/octet-stream');
  t.match(headers.get('content-disposition'), /^attachment/);
  t.equal(await code(alice.send('bob', '', { file: { ...html, kind: 'image' } }).accepted), 'unknown_file');
  t.same((await blobs()).length, 1);
  const { readdirSync } = await import('node:fs');
  t.same(readdirSync(`${folder}/data/uploads`), []);
});

t.test('FIL1 a stream goes up, of no length that anybody knows', async (t) => {
  const { client } = await stage(t);
  const { client: alice } = await client('alice');
  const bytes = randomBytes(2_500_000);
  async function* pieces() {
    for (let from = 0; from < bytes.length; from += 99_991) yield bytes.subarray(from, from + 99_991);
  }
  t.equal((await alice.files.upload(pieces(), { name: 'a' })).id, hashOf(bytes));
  t.equal((await alice.files.upload(new Blob([]).stream(), { name: 'none' })).bytes, 0);
  const empty = await alice.files.upload(new Uint8Array(0), { name: 'none' });
  t.equal((await bytesOf(await alice.files.download(empty))).length, 0);
});

t.test('FIL7 FIL9 files of a group, and its picture, are for its members', async (t) => {
  const { client } = await stage(t);
  const [alice, bob, eve] = await Promise.all([client('alice'), client('bob'), client('eve')]);
  const added = new Promise((resolve) => bob.client.on('group', resolve));
  const group = await alice.client.groups.create('Climbing', ['bob']);
  await added;
  const file = await alice.client.files.upload(Buffer.from('the plan'), { name: 'plan.txt' });
  await alice.client.send(group, '', { file }).accepted;
  const message = await bob.heard(1);
  t.equal((await bytesOf(await bob.client.files.download(message))).toString(), 'the plan');
  t.equal(await code(eve.client.files.download(message)), 'unknown_file');
  const picture = await alice.client.files.upload(await photo(), { name: 'us' });
  await alice.client.groups.setPicture(group, picture);
  const { picture: shown } = await bob.client.groups.members(group);
  t.match(shown, { id: picture.id, width: 600, height: 400 });
  const seen = bob.client.files.pictureOf(group, shown!);
  t.equal(hashOf(await bytesOf(await bob.client.files.download(seen))), picture.id);
  t.equal(await code(eve.client.files.download(eve.client.files.pictureOf(group, shown!))), 'unknown_file');
  await bob.client.groups.leave(group);
  t.equal(await code(bob.client.files.download(message)), 'unknown_file');
});

t.test('FIL10 an address is for one user and some minutes, and for nothing else', async (t) => {
  const { client, url } = await stage(t, ['gateway.file_url_ms=1500']);
  const [alice, bob] = await Promise.all([client('alice'), client('bob')]);
  const file = await alice.client.files.upload(Buffer.from('0123456789'), { name: 'näme "x"/y.txt' });
  await alice.client.send('bob', '', { file }).accepted;
  const message: MessageEvent = await bob.heard(1);
  const { url: address, until } = await bob.client.files.url(message);
  t.ok(address.startsWith(url));
  const get = (at: string, headers: Record<string, string> = {}, method = 'GET') => fetch(at, { method, headers });
  const whole = await get(address);
  t.equal(whole.status, 200);
  t.equal(whole.headers.get('content-disposition'), "attachment; filename*=UTF-8''n%C3%A4me%20%22x%22_y.txt");
  for (const [range, status, body, told] of [
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', null],
    ['bytes=0-1,3-4', 200, '0123456789', null],
    ['lines=1', 200, '0123456789', null],
  ] as const) {
    const answer = await get(address, { range });
    t.same([answer.status, await answer.text(), answer.headers.get('content-range')], [status, body, told], range);
  }
  const etag = whole.headers.get('etag') ?? '';
  t.equal((await get(address, { 'if-none-match': etag })).status, 304);
  t.equal((await get(address, { range: 'bytes=1-2', 'if-range': '"other"' })).status, 200);
  const head = await get(address, {}, 'HEAD');
  t.same([head.status, head.headers.get('content-length'), await head.text()], [200, '10', '']);

  const tampered = (change: (url: URL) => void) => {
    const other = new URL(address);
    change(other);
    return get(other.href);
  };
  const other = await alice.client.files.upload(Buffer.from('another'), { name: 'x' });
  for (const [what, change] of Object.entries<(url: URL) => void>({
    user: (at) => at.searchParams.set('user', 'alice'),
    until: (at) => at.searchParams.set('until', String(until + 60_000)),
    type: (at) => at.searchParams.set('type', 'text/html'),
    name: (at) => at.searchParams.set('name', 'x.html'),
    thumb: (at) => at.searchParams.set('thumb', '1'),
    file: (at) => Object.assign(at, { pathname: `/v1/files/${other.id}` }),
    signature: (at) => at.searchParams.set('signature', `${at.searchParams.get('signature')}AA`),
    none: (at) => at.searchParams.delete('signature'),
  })) {
    const answer = await tampered(change);
    t.same([answer.status, (await answer.json()).error.code], [403, 'bad_signature'], what);
  }
  t.equal((await get(address, { authorization: `Bearer ${bob.token()}` })).status, 200);
  t.equal((await get(address, { authorization: `Bearer ${alice.token()}` })).status, 403, 'it was made for bob');
  await new Promise((resolve) => setTimeout(resolve, until - Date.now() + 50));
  const late = await get(address);
  t.same([late.status, (await late.json()).error.code], [403, 'expired_url']);
});
