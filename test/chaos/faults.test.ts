import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { mayEnclose } from '../../chaos/enclosure.ts';
import { ShiftedClock } from '../../chaos/faults/clock.ts';
import { damages } from '../../chaos/faults/corrupt.ts';
import { whyNot } from '../../chaos/needs.ts';
import { optionsOf } from '../../chaos/options.ts';
import { SimRandom } from '../../sim/clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'ringpost-faults-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

t.test('every damage changes the file, and the same seed does the same', async (t) => {
  const whole = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251));
  for (const [what, damage] of Object.entries(damages)) {
    const results = [1, 2].map((copy) => {
      const path = join(folder, `file-${copy}`);
      writeFileSync(path, whole);
      damage(path, new SimRandom(7));
      try {
        return readFileSync(path).toString('base64');
      } catch {
        return 'gone';
      }
    });
    t.not(results[0], whole.toString('base64'), what);
    t.equal(results[0], results[1], `${what}, again`);
  }
});

t.test('what a machine lacks is said in words', async (t) => {
  t.equal(whyNot([], false), '');
  t.match(whyNot(['namespaces'], false), /root/);
  t.match(whyNot(['fuse'], false), /FUSE/);
});

t.test('a clock is moved while its process runs, there where a C compiler is', async (t) => {
  const missing = whyNot(['compiler'], false);
  if (missing !== '') {
    t.match(missing, /compiler/);
    return;
  }
  const clock = new ShiftedClock('n1', folder);
  t.ok(Math.abs(clock.measured()) < 2_000, 'the true time at first');
  for (const ms of [3_600_000, -3_600_000]) {
    clock.shift(ms);
    t.ok(Math.abs(clock.measured() - ms) < 2_000, `${ms} ms`);
  }
});

t.test('a power cut takes back what was not synced, and nothing else, there where FUSE is', async (t) => {
  const missing = whyNot(['namespaces', 'fuse', 'compiler'], mayEnclose());
  if (missing !== '') {
    t.match(missing, /root|compiler|FUSE/);
    return;
  }
  const mounts = join(folder, 'mounts');
  mkdirSync(mounts);
  const writer = fileURLToPath(new URL('./power-cut.js', import.meta.url));
  // A mount namespace of its own: whatever happens, nothing stays mounted.
  const said = execFileSync('unshare', ['--mount', process.execPath, '--enable-source-maps', writer, mounts], {
    timeout: 25_000,
  });
  t.same(JSON.parse(said.toString()), {
    synced: 'synced',
    'written over': 'synced and whole',
    grown: 'synced',
    renamed: '',
    dsync: 'one TWO',
  });
});

t.test('a command line that is not understood is refused in words', async (t) => {
  const known = ['one', 'two'];
  t.same(optionsOf(['--scenario', 'all'], known).scenarios, known);
  t.equal(optionsOf(['--scenario', 'one', '--minutes', '2'], known).rounds, 1);
  const refused: readonly (readonly [words: RegExp, ...args: readonly string[]])[] = [
    [/there is no scenario "three"/, '--scenario', 'three'],
    [/--rounds takes a whole number/, '--rounds', '0'],
    [/--rate takes a number/, '--rate', 'x'],
    [/'--sede'/, '--sede', '1'],
    [/'stray'/, 'stray'],
  ];
  for (const [words, ...args] of refused) t.throws(() => optionsOf(args, known), words, args.join(' '));
  const main = fileURLToPath(new URL('../../chaos/main.js', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [main, '--scenario', 'three']);
  t.equal(status, 2);
  t.match(stderr.toString(), /there is no scenario "three"/);
});
