import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import t from 'tap';
import { encode } from '../../proto/codec.ts';
import { type Decoded, decodeClientFrame, decodeServerFrame } from '../../proto/decode.ts';
import { clientLimits } from '../../proto/words.ts';
import { clientWord } from './client-words.ts';
import { serverWord } from './server-words.ts';

const decoders = [decodeClientFrame, decodeServerFrame];
const encodings = ['json', 'msgpack'] as const;

/** Decodes as everything, and checks that nothing but an answer came of it. */
function tryAll(frame: Uint8Array | string): void {
  for (const decode of decoders) {
    for (const encoding of encodings) {
      const decoded: Decoded<unknown> = decode(frame, encoding);
      if (decoded.ok) continue;
      assert.ok(decoded.reason.length > 0 && decoded.reason.length < 200, decoded.reason);
      assert.ok(decoded.code === 'malformed' || decoded.code === 'too_long');
    }
  }
  assert.deepEqual(Object.keys(Object.prototype), [], 'a prototype was touched');
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
}

t.test('FRM any bytes and any text get an answer, never an error', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => tryAll(bytes)),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => tryAll(text)),
    { numRuns: 500 },
  );
});

t.test('FRM good frames with bytes changed, cut or doubled get an answer, never an error', async () => {
  const word = fc.oneof(clientWord, serverWord);
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), fc.array(change), fc.nat(), (words, changes, cut) => {
      const good = encode(words, 'msgpack') as Uint8Array;
      const bad = Uint8Array.from(good);
      for (const [at, byte] of changes) bad[at % bad.length] = byte;
      tryAll(bad);
      tryAll(good.subarray(0, cut % good.length));
      tryAll(Uint8Array.from([...good, ...good]));
    }),
    { numRuns: 500 },
  );
});

t.test('FRM words of any shape get an answer, never an error', async () => {
  const kinds = [
    'send',
    'received',
    'read',
    'hello',
    'history',
    'inquire',
    'typing',
    'watch',
    'events',
    'welcome',
    'page',
    'profiles',
    'profiled',
    'find',
    'found',
    'self',
  ];
  const fields = fc.dictionary(
    fc.constantFrom(
      'id',
      'to',
      'body',
      'upTo',
      'with',
      'users',
      'list',
      'limits',
      'req',
      'by',
      'text',
      'deed',
      '__proto__',
      'constructor',
    ),
    fc.anything({ withBigInt: false, withDate: true, withMap: true, withSet: true, withNullPrototype: true }),
  );
  const packer = new Packr({ useRecords: false, moreTypes: true });
  fc.assert(
    fc.property(fc.constantFrom(...kinds), fields, (kind, more) => {
      const word = { ...more, kind };
      tryAll(JSON.stringify(word));
      tryAll(packer.pack(word));
      tryAll(packer.pack([word, word]));
    }),
    { numRuns: 500 },
  );
});

t.test('FRM nothing gets at a prototype', async (t) => {
  const word = '{"kind":"received","upTo":1,"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
  tryAll(word);
  tryAll('{"__proto__":{"kind":"received","upTo":1}}');
  t.match(decodeClientFrame('{"__proto__":{"kind":"received","upTo":1}}', 'json'), { ok: false });
  const bytes = new Packr({ useRecords: false }).pack(JSON.parse(word));
  tryAll(bytes);
  const decoded = decodeClientFrame(bytes, 'msgpack');
  t.strictSame(decoded, { ok: true, words: [{ kind: 'received', upTo: 1 }] });
  if (decoded.ok) t.strictSame(Object.getOwnPropertyNames(decoded.words[0]), ['kind', 'upTo']);
});

t.test('FRM3 extension types, records, and keys that are not text are refused', async (t) => {
  const [kind, received] = [
    [0xa4, ...ascii('kind')],
    [0xa8, ...ascii('received')],
  ];
  for (const [what, ...bytes] of [
    ['a timestamp', 0xd6, 0xff, 0, 0, 0, 0],
    ['fixext 1: undefined', 0x81, ...kind, 0xd4, 0, 0],
    ['a record definition', 0xd4, 0x72, 0x40, 0x91, ...kind, ...received],
    ['ext 8', 0xc7, 1, 5, 0],
    ['ext 32 of 4 GiB', 0xc9, 0xff, 0xff, 0xff, 0xff, 5],
    ['the byte without a meaning', 0xc1],
    ['a number as key', 0x81, 1, ...received],
    ['a map as key', 0x81, 0x80, ...received],
    ['a list as key', 0x81, 0x91, 1, ...received],
  ] as const) {
    const frame = Uint8Array.from(bytes as number[]);
    t.match(decodeClientFrame(frame, 'msgpack'), { ok: false, code: 'malformed' }, String(what));
  }
});

t.test('FRM lengths that the bytes do not keep are refused, without the memory they ask for', async (t) => {
  for (const first of [0xc6, 0xdb, 0xdd, 0xdf]) {
    const frame = Uint8Array.of(first, 0xff, 0xff, 0xff, 0xff, 0);
    t.match(decodeClientFrame(frame, 'msgpack'), { ok: false, code: 'malformed', reason: /too early/ });
  }
  for (const first of [0xc5, 0xda, 0xdc, 0xde]) {
    t.match(decodeClientFrame(Uint8Array.of(first, 0xff, 0xff, 0), 'msgpack'), { ok: false, code: 'malformed' });
  }
  t.match(decodeClientFrame(new Uint8Array(0), 'msgpack'), { ok: false, code: 'malformed' });
});

t.test('FRM5 LIM3 nesting is at most 6 deep, and deep frames cost no stack', async (t) => {
  const deep = (depth: number) => `{"kind":"received","upTo":1,"more":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  t.match(decodeClientFrame(deep(5), 'json'), { ok: true });
  t.match(decodeClientFrame(deep(6), 'json'), { ok: false, code: 'malformed', reason: /6 deep/ });
  t.match(decodeClientFrame('['.repeat(60_000), 'json'), { ok: false, code: 'malformed', reason: /6 deep/ });
  t.match(decodeClientFrame(`${'{"a":'.repeat(10_000)}1`, 'json'), { ok: false, code: 'malformed' });
  t.match(decodeClientFrame(new Uint8Array(60_000).fill(0x91), 'msgpack'), { ok: false, reason: /6 deep/ });
  const quoted = JSON.stringify({ kind: 'send', id: 'm', to: 'bob', body: '[[[[[{{{{\\"[[[["\\' });
  t.match(decodeClientFrame(quoted, 'json'), { ok: true }, 'brackets in text do not count');
  t.match(decodeClientFrame(`"${'\\'.repeat(60_001)}`, 'json'), { ok: false, code: 'malformed' });
});

t.test('FRM4 LIM1 a frame has at most 64 KiB, counted before anything is built from it', async (t) => {
  const max = clientLimits.frame_bytes_max;
  t.match(decodeClientFrame(new Uint8Array(max + 1), 'msgpack'), { ok: false, code: 'too_long' });
  t.match(decodeClientFrame(' '.repeat(max + 1), 'json'), { ok: false, code: 'too_long' });
  t.match(decodeClientFrame('€'.repeat(max / 3 + 1), 'json'), { ok: false, code: 'too_long' });
  const word = '{"kind":"received","upTo":1}';
  t.match(decodeClientFrame(word.padEnd(max), 'json'), { ok: true });
});

t.test('FRM8 half a surrogate pair is malformed', async (t) => {
  const send = (body: string) => `{"kind":"send","id":"m","to":"bob","body":"${body}"}`;
  t.match(decodeClientFrame(send('\\ud83d\\ude00'), 'json'), { ok: true, words: [{ body: '😀' }] });
  t.match(decodeClientFrame(send('\\ud83d'), 'json'), { ok: false, code: 'malformed', id: 'm' });
  t.match(decodeClientFrame(send('\\ude00\\ud83d'), 'json'), { ok: false, code: 'malformed' });
});

function ascii(text: string): number[] {
  return [...text].map((char) => char.charCodeAt(0));
}
