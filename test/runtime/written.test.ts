import t from 'tap';
import { Written } from '../../runtime/written.ts';

t.test('Rates are of the last ten whole seconds, or of as many as there were', async (t) => {
  const written = new Written();
  t.strictSame(written.rates(500), { records: 0, bytes: 0 });
  // 20 records of 100 bytes a second, from second 3 on.
  for (let ms = 3_000; ms < 30_000; ms += 50) {
    if (ms === 3_500) t.strictSame(written.rates(ms), { records: 0, bytes: 0 }, 'not before a second is whole');
    if (ms === 5_500) t.strictSame(written.rates(ms), { records: 20, bytes: 2_000 });
    written.add(100, ms);
  }
  t.strictSame(written.rates(30_000), { records: 20, bytes: 2_000 });
  t.strictSame(written.rates(34_000), { records: 12, bytes: 1_200 });
  t.strictSame(written.rates(40_500), { records: 0, bytes: 0 }, 'after ten seconds of silence');
  t.equal(written.bytes, 54_000);
  written.add(1_000, 100_000);
  t.strictSame(written.rates(101_000), { records: 0.1, bytes: 100 }, 'nothing of long ago comes back');
});
