import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { StoreDamaged } from '../../runtime/ports.ts';
import { SimRandom } from '../../sim/clock.ts';
import { fillStore, inspect, keyOf, openQuietly, partitions, rows, type Verdict, valueAt } from './store-rows.ts';

t.setTimeout(240_000);

const page_bytes = 4_096;

/** A store that is damaged a little differently each time. */
class Patient {
  readonly #root: string;
  readonly data: Buffer;
  #copies = 0;

  private constructor(root: string) {
    this.#root = root;
    this.data = readFileSync(join(root, 'sound', 'data.mdb'));
  }

  static async create(t: Test): Promise<Patient> {
    const root = t.testdir();
    await fillStore(join(root, 'sound'));
    return new Patient(root);
  }

  /** The folder of a copy with this file. */
  with(data: Uint8Array): string {
    const folder = join(this.#root, String(this.#copies++));
    cpSync(join(this.#root, 'sound', 'mark.json'), join(folder, 'mark.json'));
    writeFileSync(join(folder, 'data.mdb'), data);
    return folder;
  }

  /** Where the row is in the file, old copies of it included: key, value, checksum. */
  placesOf(partition: number, row: number): number[] {
    const bytes = Buffer.concat([Buffer.from(keyOf(row)), valueAt(partition, row)]);
    const places: number[] = [];
    for (let at = this.data.indexOf(bytes); at >= 0; at = this.data.indexOf(bytes, at + 1)) places.push(at);
    return places;
  }
}

/** In another process, which may end by a signal: then with the verdicts up to there. */
function inspectApart(folders: readonly string[]): { verdicts: Verdict[]; signal: NodeJS.Signals | null } {
  const program = fileURLToPath(new URL('./store-reader.js', import.meta.url));
  const { stdout, signal, status } = spawnSync(process.execPath, [program, ...folders], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 28,
  });
  if (signal === null && status !== 0) throw new Error(`store-reader failed on one of ${folders.join(' ')}`);
  const lines = stdout.split('\n').slice(0, -1);
  return { verdicts: lines.map((line) => JSON.parse(line) as Verdict), signal };
}

t.test('a sound store is found to be so', async (t) => {
  const patient = await Patient.create(t);
  const folder = patient.with(patient.data);
  t.same(await inspect(folder), { wrong: [], damaged: [] });
  t.same(await inspect(folder), { wrong: [], damaged: [] });
  t.equal(patient.placesOf(2, 3).length > 0, true);
});

t.test('a bit that flips in a key, value or checksum: its row can’t be read, every other one can', async (t) => {
  const patient = await Patient.create(t);
  const random = new SimRandom(5);
  let inKeys = 0;
  for (let n = 0; n < 80; n++) {
    const [partition, row] = [random.between(0, partitions - 1), random.between(0, rows - 1)];
    const value = valueAt(partition, row);
    // A large value is not beside its key.
    if (value.byteLength > 300) continue;
    const keyBytes = keyOf(row).length;
    const offset = n % 3 === 0 ? random.between(0, keyBytes - 1) : random.between(0, keyBytes + value.byteLength + 3);
    if (offset < keyBytes) inKeys++;
    const bit = 1 << random.between(0, 7);
    const data = Buffer.from(patient.data);
    for (const at of patient.placesOf(partition, row)) data[at + offset] = (data[at + offset] as number) ^ bit;
    const folder = patient.with(data);
    const { thrownAway, wrong, damaged } = await inspect(folder);
    const what = `bit ${bit} of byte ${offset} of row ${row} of partition ${partition}`;
    t.same({ thrownAway, wrong }, { thrownAway: undefined, wrong: [] }, what);
    t.ok(damaged.includes(`${partition} ${keyOf(row)}`), `${what}: the row says so`);
    t.ok(damaged.includes(`${partition}`), `${what}: so does whoever walks through`);
    t.notOk(
      damaged.find((place) => !place.startsWith(`${partition}`)),
      `${what}: no other partition does`,
    );
    rmSync(folder, { recursive: true });
  }
  t.ok(inKeys > 20);
});

t.test(
  'once damage was found a partition can be written anew, and the next start begins with an empty store',
  async (t) => {
    const patient = await Patient.create(t);
    const data = Buffer.from(patient.data);
    for (const at of patient.placesOf(1, 11)) data[at + 30] = (data[at + 30] as number) ^ 1;
    const folder = patient.with(data);
    const { store } = await openQuietly(folder);
    t.throws(() => store.get(1, keyOf(11)), StoreDamaged);
    t.throws(() => store.get(1, keyOf(11)), { message: /partition 1 is damaged: the checksum of a row/, partition: 1 });
    await store.write([{ partition: 1, key: keyOf(11), value: Buffer.from('anew') }]);
    t.equal(Buffer.from(store.get(1, keyOf(11)) ?? []).toString(), 'anew');
    await store.drop(1);
    t.equal(store.get(1, keyOf(11)), undefined);
    await store.write([{ partition: 1, key: 'k', value: Buffer.from('v') }]);
    t.equal(store.verify(1, undefined, 10), undefined);
    await store.close();
    const again = await inspect(folder);
    t.match(again.thrownAway, /damage was found in it/);
    t.same([again.wrong, again.damaged], [[], []]);
    t.equal((await openAndClose(folder)).thrownAway, undefined);
  },
);

async function openAndClose(folder: string): Promise<{ thrownAway: string | undefined }> {
  const { store, thrownAway } = await openQuietly(folder);
  await store.close();
  return { thrownAway };
}

t.test(
  'bits that flip anywhere: nothing wrong is read, and a process that dies of it does so three times',
  async (t) => {
    const patient = await Patient.create(t);
    const random = new SimRandom(7);
    let folders = Array.from({ length: 120 }, () => {
      const data = Buffer.from(patient.data);
      const at = random.between(0, data.byteLength - 1);
      data[at] = (data[at] as number) ^ (1 << random.between(0, 7));
      return patient.with(data);
    });
    const seen = { sound: 0, damaged: 0, thrownAway: 0, deaths: 0 };
    while (folders.length > 0) {
      const { verdicts, signal } = inspectApart(folders);
      for (const { thrownAway, wrong, damaged } of verdicts) {
        // A page that stands for another one's rows may hide some; then whoever walks through meets it.
        t.ok(
          wrong.every((place) => damaged.includes(place.slice(0, 1))),
          `read wrong: ${wrong.slice(0, 3)}`,
        );
        if (thrownAway !== undefined) seen.thrownAway++;
        else if (damaged.length > 0) seen.damaged++;
        else seen.sound++;
      }
      const deadly = signal === null ? undefined : folders[verdicts.length];
      if (deadly !== undefined) {
        seen.deaths++;
        t.ok(heals(deadly), 'thrown away in the end');
      }
      folders = folders.slice(verdicts.length + (deadly === undefined ? 0 : 1));
    }
    t.comment(JSON.stringify(seen));
    t.ok(seen.sound > 0 && seen.damaged > 0);
  },
);

t.test('a row that ends its process as it is read does so three times', async (t) => {
  const patient = await Patient.create(t);
  const data = Buffer.from(patient.data);
  // The length of its value, before its key, is 8 MiB more, and so far beyond the end of the file.
  for (const at of patient.placesOf(3, 20)) data[at - 6] = (data[at - 6] as number) | 0x80;
  const folder = patient.with(data);
  t.match(inspectApart([folder]), { verdicts: [], signal: /^SIG(BUS|SEGV)$/ });
  t.ok(heals(folder));
});

/** After the first death. */
function heals(folder: string): boolean {
  for (let starts = 0; starts < 4; starts++) {
    const { verdicts, signal } = inspectApart([folder]);
    if (signal === null) return verdicts[0]?.thrownAway !== undefined && verdicts[0].wrong.length === 0;
  }
  return false;
}

t.test('a file that ends its process as it is opened is thrown away at the next start', async (t) => {
  const patient = await Patient.create(t);
  const data = Buffer.from(patient.data);
  // The root of the table of tables, as both meta pages give it: no entries, and an end before its beginning.
  for (const meta of [0, page_bytes]) {
    const root = Number(data.readBigUInt64LE(meta + 136)) * page_bytes;
    if (root < data.byteLength) data.writeUInt32LE(0x0000_0001, root + 20);
  }
  const folder = patient.with(data);
  const { verdicts, signal } = inspectApart([folder]);
  t.same(verdicts, []);
  t.match(signal, /^SIG(ABRT|SEGV|BUS)$/);
  const { thrownAway, wrong } = await inspect(folder);
  t.match(thrownAway, /the last process died opening it/);
  t.same(wrong, []);
});

t.test('a file that LMDB refuses to open is thrown away at once', async (t) => {
  const patient = await Patient.create(t);
  for (const byte of [0, 0xff]) {
    const folder = patient.with(Buffer.from(patient.data).fill(byte, 2 * page_bytes));
    const { thrownAway, wrong, damaged } = await inspect(folder);
    t.match(thrownAway, /thrown away: MDB_/);
    t.same([wrong, damaged], [[], []]);
    t.equal((await openAndClose(folder)).thrownAway, undefined);
  }
});

t.test('a file that is cut short or gone is thrown away, wherever it was cut', async (t) => {
  const patient = await Patient.create(t);
  const { byteLength } = patient.data;
  const lengths = [0, 1, 100, page_bytes, 2 * page_bytes, 2 * page_bytes + 1, byteLength >> 1, byteLength - page_bytes];
  const folders = lengths.map((length) => {
    const folder = patient.with(patient.data);
    truncateSync(join(folder, 'data.mdb'), length);
    return folder;
  });
  const gone = patient.with(patient.data);
  rmSync(join(gone, 'data.mdb'));
  const { verdicts, signal } = inspectApart([...folders, gone]);
  t.equal(signal, null);
  t.equal(verdicts.length, lengths.length + 1);
  for (const [i, { thrownAway, wrong, damaged }] of verdicts.entries()) {
    t.match(thrownAway, /gone|foreign|cut short/, `cut at ${lengths[i] ?? 'nothing'}`);
    t.same([wrong, damaged], [[], []]);
  }
});
