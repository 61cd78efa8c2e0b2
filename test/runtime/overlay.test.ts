import fc from 'fast-check';
import t from 'tap';
import { type Committed, Overlay, type Row } from '../../runtime/overlay.ts';
import { SimRandom, SimTime } from '../../sim/clock.ts';
import { simCodec } from '../../sim/codec.ts';
import { SimDisk, type SimStore } from '../../sim/store.ts';

/** Turns, records and the write-behind in any order, beside a plain sorted map that is right by its simplicity. */
class Model {
  readonly time = new SimTime();
  readonly store: SimStore;
  overlay: Overlay;
  /** By actor, table and key: what a turn must see. */
  rows = new Map<string, number>();
  /** As of the end of the last turn. */
  kept = new Map<string, number>();
  sealed: Row[][] = [];
  durable: (string | Uint8Array | null)[] = [];
  /** With the store, and whether it has committed them. */
  taken: Committed | undefined;
  written = false;

  constructor() {
    this.store = new SimDisk(this.time, new SimRandom(1)).open();
    this.overlay = new Overlay(0, this.store, simCodec);
  }

  async write({ written, replayed }: Committed): Promise<void> {
    const packed = [...[...written].map(([key, { bytes }]) => [key, bytes] as const), ...replayed];
    const writes = packed.map(([key, bytes]) => ({ partition: 0, key, value: bytes ?? undefined }));
    await this.time.until(this.store.write(writes));
  }

  /** Makes everything durable and stores it. */
  async storeAll(): Promise<void> {
    const { overlay } = this;
    overlay.keep();
    for (const rows of [...this.sealed, overlay.seal()]) overlay.commit(rows);
    if (this.taken !== undefined && !this.written) overlay.putBack();
    else if (this.taken !== undefined) overlay.stored();
    const rows = overlay.takeCommitted();
    await this.write(rows);
    overlay.stored();
  }

  /** The rows of one record, as the journal holds them. */
  record(rows: readonly (readonly [string, string, string, number | undefined])[]): (string | Uint8Array | null)[] {
    for (const [actor, table, key, value] of rows) {
      this.overlay.put(actor, table, key, value);
      if (value === undefined) this.rows.delete(`${actor} ${table} ${key}`);
      else this.rows.set(`${actor} ${table} ${key}`, value);
    }
    this.overlay.keep();
    return this.overlay.seal().flatMap((row) => [row.key, row.bytes ?? null]);
  }

  expected(actor: string, table: string, { from, to, reverse, limit }: Range): [string, number][] {
    const prefix = `${actor} ${table} `;
    const found = [...this.rows]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]): [string, number] => [key.slice(prefix.length), value])
      .filter(([key]) => (from === undefined || key >= from) && (to === undefined || key < to))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    if (reverse === true) found.reverse();
    return found.slice(0, limit);
  }
}

interface Range {
  readonly from?: string;
  readonly to?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

type Step = fc.AsyncCommand<Model, object>;

const actor = fc.constantFrom('user/a', 'user/ab', '');
const table = fc.constantFrom('t', 'tl', 't!');
const key = fc.constantFrom('', 'a', 'aa', 'a b', 'b', '!', '~');
const range = fc.record(
  { from: key, to: key, reverse: fc.boolean(), limit: fc.integer({ min: 0, max: 4 }) },
  { requiredKeys: [], noNullPrototype: true },
);

function step(words: string, run: (model: Model) => void | Promise<void>): Step {
  return { check: () => true, run: async (model) => void (await run(model)), toString: () => words };
}

const steps: fc.Arbitrary<Step>[] = [
  fc.tuple(actor, table, key, fc.integer()).map(([a, b, c, value]) =>
    step(`put ${a}|${b}|${c}=${value}`, (model) => {
      model.overlay.put(a, b, c, value);
      model.rows.set(`${a} ${b} ${c}`, value);
    }),
  ),
  fc.tuple(actor, table, key).map(([a, b, c]) =>
    step(`delete ${a}|${b}|${c}`, (model) => {
      model.overlay.put(a, b, c, undefined);
      model.rows.delete(`${a} ${b} ${c}`);
    }),
  ),
  fc.tuple(actor, table, key).map(([a, b, c]) =>
    step(`get ${a}|${b}|${c}`, ({ overlay, rows }) => {
      const [found, expected] = [overlay.get(a, b, c), rows.get(`${a} ${b} ${c}`)];
      if (found !== expected) throw new Error(`got ${found}, not ${expected}`);
    }),
  ),
  fc.tuple(actor, table, range).map(([a, b, options]) =>
    step(`range ${a}|${b} ${JSON.stringify(options)}`, (model) => {
      const [found, expected] = [model.overlay.range(a, b, options), model.expected(a, b, options)];
      if (JSON.stringify(found) !== JSON.stringify(expected))
        throw new Error(`got ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
    }),
  ),
  fc.constant(
    step('keep', (model) => {
      model.overlay.keep();
      model.kept = new Map(model.rows);
    }),
  ),
  fc.constant(
    step('roll back', (model) => {
      model.overlay.rollBack();
      model.rows = new Map(model.kept);
    }),
  ),
  fc.constant(
    step('seal', (model) => {
      // Between turns only.
      model.overlay.keep();
      model.kept = new Map(model.rows);
      model.sealed.push(model.overlay.seal());
    }),
  ),
  fc.constant(
    step('commit', (model) => {
      const rows = model.sealed.shift();
      if (rows === undefined) return;
      model.overlay.commit(rows);
      for (const { key: name, bytes } of rows) model.durable.push(name, bytes ?? null);
    }),
  ),
  fc.constant(
    step('store is asked', (model) => {
      model.taken ??= model.overlay.takeCommitted();
    }),
  ),
  fc.constant(
    step('store commits', async (model) => {
      if (model.taken !== undefined && !model.written) await model.write(model.taken);
      model.written = model.taken !== undefined;
    }),
  ),
  fc.constant(
    step('store says so', (model) => {
      if (model.taken === undefined || !model.written) return;
      model.overlay.stored();
      model.taken = undefined;
      model.written = false;
    }),
  ),
  fc.constant(
    step('store refuses', (model) => {
      if (model.taken === undefined || model.written) return;
      model.overlay.putBack();
      model.taken = undefined;
    }),
  ),
  fc.constant(
    step('release', (model) => {
      for (const name of ['user/a', 'user/ab', '']) model.overlay.release(name);
    }),
  ),
];

t.test('§6: what turns read is what turns wrote, whatever has become durable or stored meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 80, size: 'max' }), async (commands) => {
      const model = new Model();
      await fc.asyncModelRun(() => ({ model, real: {} }), commands);
      await model.storeAll();
      const successor = new Overlay(0, model.store, simCodec);
      for (const name of ['user/a', 'user/ab', '']) {
        for (const one of ['t', 'tl', 't!']) {
          const [found, expected] = [successor.range(name, one, {}), model.expected(name, one, {})];
          if (JSON.stringify(found) !== JSON.stringify(expected))
            throw new Error(`a successor finds ${JSON.stringify(found)}`);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

t.test('A5: an overlay replayed from the durable rows shows the state as of the last of them', async () => {
  const written = fc.array(fc.tuple(actor, table, key, fc.option(fc.integer(), { nil: undefined })), { maxLength: 30 });
  const event = fc.oneof(written, fc.constantFrom('take', 'write', 'told', 'refused'));
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 20 }), range, async (events, options) => {
      const model = new Model();
      const replayed = new Overlay(0, model.store, simCodec);
      let state: 'idle' | 'taken' | 'written' = 'idle';
      let taken: Committed = { written: new Map(), replayed: new Map() };
      for (const one of events) {
        if (typeof one !== 'string') {
          replayed.replay(model.record(one));
        } else if (one === 'take' && state === 'idle') {
          taken = replayed.takeCommitted();
          state = 'taken';
        } else if (one === 'write' && state === 'taken') {
          await model.write(taken);
          state = 'written';
        } else if (one === 'told' && state === 'written') {
          replayed.stored();
          state = 'idle';
        } else if (one === 'refused' && state === 'taken') {
          replayed.putBack();
          state = 'idle';
        }
      }
      const look = (): string => JSON.stringify(replayed.range('user/a', 't', options));
      const expected = JSON.stringify(model.expected('user/a', 't', options));
      if (look() !== expected) throw new Error(`while what it had handed over is ${state}`);
      if (state === 'taken') await model.write(taken);
      if (state !== 'idle') replayed.stored();
      if (look() !== expected) throw new Error('when the store has some of it');
      await model.write(replayed.takeCommitted());
      replayed.stored();
      if (look() !== expected) throw new Error('when the store has all of it');
      if (replayed.committedRows > 0 || replayed.actorsInMemory > 0) throw new Error('and holds nothing itself');
    }),
    { numRuns: 500 },
  );
});

t.test('§6: a row written often in one record is packed once', async (t) => {
  const { overlay } = new Model();
  for (let i = 0; i < 100; i++) overlay.put('user/a', 't', 'k', i);
  overlay.keep();
  const rows = overlay.seal();
  t.equal(rows.length, 1);
  t.strictSame(simCodec.unpack(rows[0]?.bytes as Uint8Array), 99);
});

t.test('A10: what the store or the journal could not take is refused in the turn', async (t) => {
  const { overlay } = new Model();
  const put = (rowKey: string, value: unknown, name = 't') => {
    overlay.put('user/a', name, rowKey, value);
  };
  t.throws(() => put('é', 1), TypeError, 'a key beyond ASCII');
  t.throws(() => put('\n', 1), TypeError, 'a control character');
  t.throws(() => put('x'.repeat(1_000), 1), TypeError, 'a key too long for the store');
  t.throws(() => put('k', 1, 'two words'), TypeError, 'a table’s name with a blank');
  t.throws(() => put('k', 1, ''), TypeError, 'a table without a name');
  t.throws(() => put('k', () => 1), TypeError, 'a function');
  t.throws(() => put('k', { n: 1n }), TypeError, 'a big integer');
  t.throws(() => put('k', new Map()), TypeError, 'an instance');
  const ring: { self?: object } = {};
  ring.self = ring;
  t.throws(() => put('k', ring), TypeError, 'a value that holds itself');
  overlay.rollBack();
  t.equal(overlay.openRows, 0);
  t.strictSame(overlay.range('user/a', 't', {}), []);
});

t.test('A9: rows on their way to the store count as waiting until it has them', async (t) => {
  const { overlay } = new Model();
  const commit = (key: string): void => {
    overlay.put('user/a', 't', key, 1);
    overlay.keep();
    overlay.commit(overlay.seal());
  };
  for (const key of ['a', 'b', 'c']) commit(key);
  t.equal(overlay.committedRows, 3);
  overlay.takeCommitted();
  t.equal(overlay.committedRows, 3);
  commit('d');
  t.equal(overlay.committedRows, 4);
  overlay.putBack();
  t.equal(overlay.committedRows, 4);
  overlay.takeCommitted();
  commit('e');
  overlay.stored();
  t.equal(overlay.committedRows, 1);
  const copy = new Overlay(0, new Model().store, simCodec);
  copy.replay(['user/a t a', simCodec.pack(1), 'user/a t b', null]);
  t.equal(copy.committedRows, 2);
  copy.takeCommitted();
  t.equal(copy.committedRows, 2);
  copy.replay(['user/a t c', simCodec.pack(1)]);
  t.equal(copy.committedRows, 3);
  copy.stored();
  t.equal(copy.committedRows, 1);
});
