import fc from 'fast-check';
import t from 'tap';
import { shown, shownKey } from '../../console/redact.ts';

const canary = 'what somebody wrote';

t.test('Nothing that is text is shown to those who may not read', async (t) => {
  const values: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(canary),
      fc.constant(new TextEncoder().encode(canary)),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('body', 'text', 'more', 'title'), tie('value')),
    ),
  })).value;
  fc.assert(
    fc.property(values, (value: unknown): boolean => {
      const text = shown(value, false);
      JSON.parse(text);
      return !text.includes(canary) && !text.includes(Buffer.from(canary).toString('base64'));
    }),
  );
  t.equal(shown(['out', 3, canary], false), '["<3 characters>",3,"<19 characters>"]');
  t.equal(shown(['out', 3, canary], true), `["out",3,"${canary}"]`);
});

t.test('Secrets are shown to nobody', async (t) => {
  const row = { state: 'active', password: { salt: Uint8Array.of(1, 2), hash: Uint8Array.of(3), cost: 1024 } };
  t.equal(shown(row, true), '{"state":"active","password":{"salt":"<2 bytes>","hash":"<1 bytes>","cost":1024}}');
  const device = { session: canary, refreshHash: canary, before: { refreshHash: canary, until: 7 }, seen: 5 };
  t.notMatch(shown(device, true), canary);
  t.notMatch(shown({ url: canary, failure: '' }, true, 'hook'), canary);
  t.equal(shownKey('link', 'abcdefghijklmnop'), '<16 characters>');
  t.equal(shownKey('tl', '00000001'), '00000001');
});
