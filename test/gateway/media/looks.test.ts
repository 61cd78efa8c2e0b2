import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { defaultMediaLimits, type MediaLimits } from '../../../gateway/media/limits.ts';
import { Looks } from '../../../gateway/media/looks.ts';
import { bomb, moving, photo, photoWithPlace } from './pictures.ts';

function scene(t: Test, limits: Partial<MediaLimits> = {}) {
  const folder = t.testdir();
  const logged: string[] = [];
  const write = (_: object, words: string): void => void logged.push(words);
  const all = new Looks({ ...defaultMediaLimits, ...limits }, { info: write, warn: write, error: write });
  t.teardown(() => all.close());
  let files = 0;
  const look = async (bytes: Buffer) => {
    const file = join(folder, `${++files}`);
    await writeFile(file, bytes);
    const found = await all.look(file, bytes.length, `${file}.copy`, `${file}.thumb`);
    return { found, copy: () => readFile(`${file}.copy`), thumb: () => readFile(`${file}.thumb`) };
  };
  return { all, look, logged };
}

t.test('FIL3 an image is made anew: upright, without metadata, with a smaller one and a preview', async (t) => {
  const { look } = scene(t, { thumb_pixels: 100 });
  const original = await photoWithPlace();
  t.match(
    await sharp(original).metadata(),
    { exif: Buffer, orientation: 6, width: 300 },
    'the test has what it is about',
  );
  const { found, copy, thumb } = await look(original);
  t.match(found, { kind: 'image', type: 'image/jpeg', width: 200, height: 300, thumb: true });
  const after = await sharp(await copy()).metadata();
  t.same([after.exif, after.xmp, after.iptc, after.orientation], [undefined, undefined, undefined, undefined]);
  t.notMatch((await copy()).toString('latin1'), /SECRET-OWNER|Exif/);
  t.match(await sharp(await thumb()).metadata(), { format: 'webp', height: 100 });
  const preview = found !== 'busy' && found !== 'failed' && found.kind === 'image' ? found.preview : '';
  t.ok(preview.length > 20 && preview.length <= 512, `${preview.length} characters`);
  t.match(await sharp(Buffer.from(preview, 'base64')).metadata(), { format: 'webp', height: 16 });
  t.same((await look(original)).found, found, 'the same again');
});

t.test('FIL3 the type is that of the content; what is hidden behind an image does not come along', async (t) => {
  const { look } = scene(t);
  const html = Buffer.from('<html><script>alert(1)</script></html>');
  t.same((await look(html)).found, { kind: 'other', type: 'application/octet-stream' });
  t.same((await look(Buffer.from('%PDF-1.7\n%%EOF'))).found, { kind: 'other', type: 'application/pdf' });
  t.same((await look(Buffer.from('GIF89a/*"=1;alert(1)//'))).found, { kind: 'bad_image' });
  const zip = Buffer.from('PK\u0003\u0004 and so on: <script>');
  const { found, copy } = await look(Buffer.concat([await photo(50, 50), zip]));
  t.match(found, { kind: 'image', type: 'image/jpeg', thumb: false });
  t.notMatch((await copy()).toString('latin1'), /<script>/);
  t.same((await look(Buffer.alloc(0))).found, { kind: 'other', type: 'application/octet-stream' });
  t.same((await look((await photo()).subarray(0, 400))).found, { kind: 'bad_image' }, 'cut off');
});

t.test('FIL3 an image that moves goes on moving', async (t) => {
  const { look } = scene(t);
  const { found, copy, thumb } = await look(await moving());
  t.match(found, { kind: 'image', type: 'image/gif', width: 20, height: 20, thumb: true });
  t.match(await sharp(await copy(), { animated: true }).metadata(), { pages: 2 });
  t.match(await sharp(await thumb()).metadata(), { format: 'webp' });
});

t.test('FIL3 an image of too many pixels is refused by its header, one of too many bytes unread', async (t) => {
  const { look, all } = scene(t, { image_bytes_max: 100_000 });
  t.same((await look(bomb(30_000, 30_000))).found, { kind: 'image_too_large' });
  t.same((await look(bomb(100, 100))).found, { kind: 'bad_image' }, 'it says more than it has');
  t.same((await look(Buffer.concat([await photo(10, 10), Buffer.alloc(100_000)]))).found, { kind: 'image_too_large' });
  t.same((await look(Buffer.alloc(200_000))).found, { kind: 'other', type: 'application/octet-stream' });
  all.close();
  t.equal((await look(Buffer.alloc(1))).found, 'busy');
});

t.test(
  'FIL3 a file of which the process dies, or that takes too long, is failed, and the next one is looked into',
  async (t) => {
    const greedy = scene(t, { image_memory_bytes_max: 1 });
    const picture = await photo(3_000, 3_000);
    t.equal((await greedy.look(picture)).found, 'failed');
    t.equal((await greedy.look(picture)).found, 'failed', 'by another process');
    t.equal(greedy.logged.length, 2);
    const slow = scene(t, { image_ms_max: 1 });
    const [first, second] = await Promise.all([slow.look(picture), slow.look(picture)]);
    t.same([first?.found, second?.found], ['failed', 'failed']);
    const good = scene(t);
    t.match((await good.look(picture)).found, { kind: 'image' });
  },
);

t.test('FIL3 so many files wait and no more', async (t) => {
  const { look } = scene(t, { looks_waiting_max: 2 });
  const picture = await photo(2_000, 2_000);
  const all = await Promise.all(Array.from({ length: 5 }, () => look(picture)));
  t.same(all.map(({ found }) => (found === 'busy' ? 'busy' : 'done')).sort(), ['busy', 'busy', 'done', 'done', 'done']);
});
