import t from 'tap';
import type { Codec, Ports } from '../../../runtime/ports.ts';
import { restoreSnapshot } from '../../../runtime/snapshots/restore.ts';
import { SnapshotAbandoned } from '../../../runtime/snapshots/tenure.ts';
import { History, keyOf } from './history.ts';

t.setTimeout(120_000);

/** Bytes whose checksum is taken between two pauses: all that is read or written passes there. */
class Meter {
  most = 0;
  pauses = 0;
  #since = 0;

  codec(codec: Codec): Codec {
    return {
      ...codec,
      crc32: (bytes) => {
        this.#did(bytes.byteLength);
        return codec.crc32(bytes);
      },
    };
  }

  /** Counts what is done between two calls from the event loop's own timers. */
  ports(ports: Ports): Ports {
    const pause = () => {
      this.pauses++;
      this.#since = 0;
    };
    const { timers, store } = ports;
    return {
      ...ports,
      codec: this.codec(ports.codec),
      timers: {
        after: (ms, run) =>
          timers.after(ms, () => {
            pause();
            run();
          }),
        soon: (run) => timers.soon(run),
      },
      store: {
        ...store,
        write: async (writes) => {
          await store.write(writes);
          pause();
        },
      },
    };
  }

  #did(bytes: number): void {
    this.#since += bytes;
    this.most = Math.max(this.most, this.#since);
  }
}

/** Everything that the archive and the journal have is here at once, so only pauses of our own let anybody else run. */
function atOnce(history: History): void {
  Object.assign(history.archive.faults, { delayMs: [0, 0] });
  Object.assign(history.log.faults, { delayMs: [0, 0] });
}

t.test('no slice of the work handles more than some hundred kilobytes, or checks more than a megabyte', async (t) => {
  const history = new History({ snapshot_fold_bytes_max: 8_000_000 });
  history.bump();
  const owner = history.reader('owner');
  const meter = new Meter();
  const ports = meter.ports(owner.ports);
  atOnce(history);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 40; i++) {
      history.write({
        rows: Array.from({ length: 500 }, (_, n) => [keyOf(i * 500 + n), `round ${round}`.padEnd(130)]),
      });
    }
    const maker = await history.until(owner.maker(ports));
    await history.until(maker.renew());
  }
  const manifest = await history.manifest();
  t.equal(manifest?.segments.length, 1, 'merged');
  t.ok((manifest?.segments[0]?.bytes ?? 0) > 3_000_000);
  t.ok(meter.pauses > 50, `${meter.pauses} pauses`);
  t.ok(meter.most < 1_500_000, `${meter.most} bytes in one go`);

  const heir = history.reader('heir');
  const restoring = new Meter();
  t.ok(await history.until(restoreSnapshot(3, restoring.ports(heir.ports))));
  t.ok(restoring.most < 2_000_000, `${restoring.most} bytes in one go`);
});

t.test('once the partition is lost the work ends with its slice', async (t) => {
  const history = new History();
  history.bump();
  const owner = history.reader('owner');
  for (let i = 0; i < 40; i++) {
    history.write({ rows: Array.from({ length: 500 }, (_, n) => [keyOf(i * 500 + n), 'x'.repeat(130)]) });
  }
  const meter = new Meter();
  const maker = await history.until(owner.maker(meter.ports(owner.ports)));
  const renewed = maker.renew();
  renewed.catch(() => {});
  // Between the fold, which takes about twelve slices, and the end of the segment, which takes as many more.
  while (meter.pauses < 36) await history.time.pass(1);
  maker.partition.stop();
  await t.rejects(history.until(renewed), SnapshotAbandoned);
  t.equal(meter.pauses, 37);
  await history.time.pass(60_000);
  t.equal(history.archive.segments.size, 0);
});
