import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { encode } from '../../proto/codec.ts';
import { decodeClientFrame, decodeServerFrame } from '../../proto/decode.ts';
import { clientLimits } from '../../proto/words.ts';
import { clientWord } from './client-words.ts';
import { serverWord } from './server-words.ts';

const encoding = fc.constantFrom('json' as const, 'msgpack' as const);

/** fast-check makes records without a prototype; decoded words are plain objects. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

t.test('FRM1 FRM2 what a client encodes, the server decodes to the same words', async () => {
  const frame = fc.array(clientWord, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(frame, encoding, (words, encoding) => {
      const decoded = decodeClientFrame(encode(words, encoding), encoding);
      assert.deepEqual(decoded, { ok: true, words: plain(words) });
    }),
    { numRuns: 300 },
  );
});

t.test('FRM1 FRM2 what the server encodes, a client decodes to the same words', async () => {
  const frame = fc.array(serverWord, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(frame, encoding, (words, encoding) => {
      const decoded = decodeServerFrame(encode(words, encoding), encoding);
      assert.deepEqual(decoded, { ok: true, words: plain(words) });
    }),
    { numRuns: 300 },
  );
});

t.test('FRM1 a frame is one word, or a list of 1 to 64', async (t) => {
  const word = { kind: 'received', upTo: 1 } as const;
  t.equal(encode([word], 'json'), '{"kind":"received","upTo":1}', 'one word stands by itself');
  t.equal(encode([word, word], 'json'), '[{"kind":"received","upTo":1},{"kind":"received","upTo":1}]');
  t.match(decodeClientFrame('[]', 'json'), { ok: false, code: 'malformed' });
  t.match(decodeClientFrame(encode(Array(64).fill(word), 'json'), 'json'), { ok: true });
  t.match(decodeClientFrame(encode(Array(65).fill(word), 'msgpack'), 'msgpack'), { ok: false, code: 'too_long' });
});

t.test('FRM2 the frame must be of the kind that the subprotocol names', async (t) => {
  t.match(decodeClientFrame('{"kind":"received","upTo":1}', 'msgpack'), { ok: false, code: 'malformed' });
  const utf8 = new TextEncoder().encode('{"kind":"received","upTo":1}');
  t.match(decodeClientFrame(utf8, 'json'), { ok: true }, 'JSON as bytes of UTF-8 will do');
  t.match(decodeClientFrame(Uint8Array.of(0x22, 0xff, 0x22), 'json'), { ok: false, code: 'malformed' });
});

t.test('FRM3 whole numbers may come in any type of MessagePack', async (t) => {
  const word = (...number: number[]) =>
    Uint8Array.of(0x82, 0xa4, ...ascii('kind'), 0xa8, ...ascii('received'), 0xa4, ...ascii('upTo'), ...number);
  for (const number of [
    [7],
    [0xcc, 7],
    [0xcd, 0, 7],
    [0xce, 0, 0, 0, 7],
    [0xcf, 0, 0, 0, 0, 0, 0, 0, 7],
    [0xd0, 7],
    [0xd1, 0, 7],
    [0xd2, 0, 0, 0, 7],
    [0xd3, 0, 0, 0, 0, 0, 0, 0, 7],
    [0xca, 0x40, 0xe0, 0, 0],
    [0xcb, 0x40, 0x1c, 0, 0, 0, 0, 0, 0],
  ]) {
    t.strictSame(decodeClientFrame(word(...number), 'msgpack'), { ok: true, words: [{ kind: 'received', upTo: 7 }] });
  }
  for (const [what, number] of [
    ['negative', [0xff]],
    ['past 2^53', [0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['a fraction', [0xcb, 0x40, 0x1c, 0, 0, 0, 0, 0, 1]],
    ['not a number', [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]],
    ['infinite', [0xca, 0x7f, 0x80, 0, 0]],
    ['nothing', [0xc0]],
    ['true', [0xc3]],
    ['text', [0xa1, 0x37]],
  ] as const) {
    t.match(decodeClientFrame(word(...number), 'msgpack'), { ok: false, code: 'malformed' }, what);
  }
});

t.test('FRM6 unknown fields are ignored, by both sides', async (t) => {
  const decoded = decodeClientFrame('{"kind":"received","upTo":1,"more":{"a":[1]},"__proto__":{"x":1}}', 'json');
  t.strictSame(decoded, { ok: true, words: [{ kind: 'received', upTo: 1 }] });
  t.strictSame(decodeServerFrame('{"kind":"resync","more":1}', 'json'), { ok: true, words: [{ kind: 'resync' }] });
});

t.test('FRM6 the server refuses words of unknown kinds by name; a client passes over them', async (t) => {
  t.match(decodeClientFrame('{"kind":"juggle"}', 'json'), { ok: false, code: 'malformed', reason: /"juggle"/ });
  t.match(decodeClientFrame('{"kind":"toString"}', 'json'), { ok: false, code: 'malformed' });
  t.strictSame(decodeServerFrame('[{"kind":"juggle"},{"kind":"resync"}]', 'json'), {
    ok: true,
    words: [{ kind: 'resync' }],
  });
  t.strictSame(decodeServerFrame('{"kind":"events","from":3,"list":[{"kind":"wave","at":1}]}', 'json'), {
    ok: true,
    words: [{ kind: 'events', from: 3, list: [{ kind: 'other', was: 'wave' }] }],
  });
  t.match(decodeServerFrame('{"kind":"refused","code":"later","reason":"r","retry":true}', 'json'), {
    words: [{ code: 'internal', reason: 'r', retry: true }],
  });
});

t.test('FRM7 a bad word is named by its id or req', async (t) => {
  const frame = '[{"kind":"received","upTo":1},{"kind":"send","id":"m1","to":"Bob","body":""}]';
  t.match(decodeClientFrame(frame, 'json'), { ok: false, code: 'malformed', id: 'm1', reason: /send\.to/ });
  const history = '{"kind":"history","req":7,"with":"bob","before":0,"limit":101}';
  t.match(decodeClientFrame(history, 'json'), { ok: false, req: 7, reason: /1 to 100/ });
});

t.test('LIM the lengths of fields', async (t) => {
  const send = (fields: object) => JSON.stringify({ kind: 'send', id: 'm', to: 'bob', body: '', ...fields });
  const long = (frame: string) => decodeClientFrame(frame, 'json');
  const body_max = clientLimits.body_bytes_max;
  t.match(long(send({ body: 'x'.repeat(body_max) })), { ok: true });
  t.match(long(send({ body: 'x'.repeat(body_max + 1) })), { ok: false, code: 'too_long', id: 'm' });
  t.match(long(send({ body: 'é'.repeat(body_max / 2) })), { ok: true }, 'bytes of UTF-8 count');
  t.match(long(send({ body: `${'é'.repeat(body_max / 2)}x` })), { ok: false, code: 'too_long' });
  t.match(long(send({ body: '😀'.repeat(body_max / 4) })), { ok: true });
  t.match(long(send({ body: `${'😀'.repeat(body_max / 4)}x` })), { ok: false, code: 'too_long' });
  t.match(long(send({ body: '€'.repeat(body_max / 3 + 1) })), { ok: false, code: 'too_long' });
  t.match(long(send({ id: 'x'.repeat(64) })), { ok: true });
  t.match(long(send({ id: 'x'.repeat(65) })), { ok: false, code: 'too_long' });
  t.match(long(send({ to: 'x'.repeat(33) })), { ok: false, code: 'too_long' });
  t.match(long(JSON.stringify({ kind: 'watch', users: Array(65).fill('bob') })), { ok: false, code: 'too_long' });
  t.match(long(JSON.stringify({ kind: 'hello', epoch: 'x'.repeat(65), cursor: 0 })), { ok: false, code: 'too_long' });
  const hello = { kind: 'hello', epoch: '', cursor: 0, client: 'x'.repeat(65) };
  t.match(long(JSON.stringify(hello)), { ok: false, code: 'too_long' });
});

function ascii(text: string): number[] {
  return [...text].map((char) => char.charCodeAt(0));
}
