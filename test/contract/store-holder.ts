// A process of its own for `store.test.ts`: opens the store in the folder it is given, writes, says so, and stays.
import { openLmdbStore } from '../../runtime/io/lmdb-store.ts';

const store = await openLmdbStore({
  folder: process.argv[2] ?? '',
  partitions: 4,
  log: { info() {}, warn() {}, error() {} },
});
await store.write([{ partition: 2, key: 'a', value: Buffer.from('by the child') }]);
process.stdout.write('open\n');
setInterval(() => {}, 1_000);
