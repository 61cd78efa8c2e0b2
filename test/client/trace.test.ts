import t from 'tap';
import { bytesOf, withTrace } from '../../client/frames.ts';
import { Outbox } from '../../client/outbox.ts';
import type { Send } from '../../proto/words.ts';

const trace = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const send = (id: string): Send => ({ kind: 'send', id, to: 'bob', body: 'hello' });

t.test('TRC1: a trace stands before its frame, whatever the encoding', async (t) => {
  t.equal(withTrace('{}', trace, 1_000), `${trace}{}`);
  const bytes = withTrace(new Uint8Array([0x81, 2]), trace, 1_000) as Uint8Array;
  t.strictSame([...bytes.subarray(0, 55)], [...Buffer.from(trace)]);
  t.strictSame([...bytes.subarray(55)], [0x81, 2]);
});

t.test('a frame goes without its trace where both are too long together, or that is none', async (t) => {
  const frame = JSON.stringify({ body: 'ü'.repeat(100) });
  const both = bytesOf(frame) + trace.length;
  t.equal(withTrace(frame, trace, both), trace + frame);
  t.equal(withTrace(frame, trace, both - 1), frame);
  t.equal(withTrace(frame, undefined, 1_000), frame);
  for (const bad of ['', 'nonsense', trace.slice(1), trace.toUpperCase(), `${trace}\n`])
    t.equal(withTrace(frame, bad, 1_000), frame, JSON.stringify(bad));
});

t.test('a message has its trace at the first try alone', async (t) => {
  const outbox = new Outbox();
  t.equal(outbox.takeTrace([send('m0')]), undefined);
  outbox.add(send('m1'));
  outbox.add(send('m2'), trace);
  const words = [{ kind: 'received', upTo: 3 } as const, send('m1'), send('m2')];
  t.equal(outbox.takeTrace(words), trace);
  outbox.rewind();
  t.equal(outbox.takeTrace(words), undefined);
});
