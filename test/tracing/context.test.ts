import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { type Place, packPlace, parentOf, unpackPlace } from '../../tracing/context.ts';

const hex = (digits: number) =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits }).map((all) => all.join(''));
const place = fc.record({ traceId: hex(32), spanId: hex(16), way: fc.constantFrom('forth' as const, 'back' as const) });

t.test('a context says what it was made of, with the moment to the microsecond', async () => {
  fc.assert(
    fc.property(place, fc.option(fc.integer({ min: 0, max: 4e15 })), (known, leftUs) => {
      const whole: Place = leftUs === null ? known : { ...known, leftMs: leftUs / 1_000 };
      deepStrictEqual({ ...unpackPlace(packPlace(whole)) }, { ...whole });
    }),
  );
});

t.test('what is no context is none', async (t) => {
  const good = packPlace({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), way: 'forth' });
  t.ok(unpackPlace(good));
  for (const bad of [
    '',
    good.slice(1),
    `${good}.`,
    `${good}x`,
    `${good}.12345678901234`,
    good.toUpperCase(),
    `${good}\n`,
  ])
    t.equal(unpackPlace(bad), undefined, JSON.stringify(bad));
});

t.test('a traceparent is read as W3C has it', async (t) => {
  const [traceId, spanId] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  t.match(parentOf(`00-${traceId}-${spanId}-01`), { traceId, spanId, traceFlags: 1 });
  t.match(parentOf(`00-${traceId}-${spanId}-00`), { traceFlags: 0 });
  t.match(parentOf(`00-${traceId}-${spanId}-03`), { traceFlags: 1 }, 'flags that are not known count for nothing');
  for (const bad of [
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-1`,
    'no traceparent',
  ])
    t.equal(parentOf(bad), undefined, bad);
});
