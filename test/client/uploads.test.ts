import { createHash, randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { RingpostClient } from '../../client/index.ts';
import { stage } from '../gateway/media/stage.ts';

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A client whose requests go through `by`. */
async function clientBy(t: Test, by: (real: Fetch) => Fetch) {
  const { url, client } = await stage(t);
  await client('alice');
  const real: Fetch = (...args) => globalThis.fetch(...args);
  const account = { url, user: 'alice', device: 'laptop', password: 'correct horse' };
  const alice = await RingpostClient.login({ ...account, fetch: by(real) });
  t.teardown(() => alice.close());
  return alice;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function* pieces(bytes: Buffer, size = 100_000) {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

t.test(
  'an upload goes on after answers that are lost, requests that are lost, and servers that are busy',
  async (t) => {
    let patches = 0;
    let sent = 0;
    const alice = await clientBy(t, (real) => async (url, init) => {
      if (init.method !== 'PATCH') return real(url, init);
      sent += (init.body as Blob).size;
      switch (++patches % 4) {
        case 1:
          await real(url, init);
          throw new TypeError('the answer is lost');
        case 2:
          throw new TypeError('the request is lost');
        case 3:
          return Response.json(
            { error: { code: 'overloaded', reason: 'busy', retry: true, afterMs: 5 } },
            { status: 503 },
          );
        default:
          return real(url, init);
      }
    });
    const bytes = randomBytes(5_000_000);
    const marks: number[] = [];
    const file = await alice.files.upload(bytes, { name: 'x', onProgress: (n) => void marks.push(n) });
    t.equal(file.id, hashOf(bytes));
    t.same(
      marks,
      [...marks].sort((a, b) => a - b),
      'it never goes back',
    );
    const stream = await alice.files.upload(pieces(bytes), { name: 'x' });
    t.equal(stream.id, file.id, 'a stream, too: the last piece is kept');
    t.ok(sent < 40_000_000, `${sent} bytes`);
  },
);

t.test('an upload that the server has lost is begun anew; a stream can not be', async (t) => {
  let lose = true;
  const alice = await clientBy(t, (real) => async (url, init) => {
    const answer = await real(url, init);
    if (init.method === 'PATCH' && lose) {
      lose = false;
      await real(url, { method: 'DELETE', headers: init.headers as Record<string, string> });
    }
    return answer;
  });
  const bytes = randomBytes(3_000_000);
  t.equal((await alice.files.upload(bytes, { name: 'x' })).id, hashOf(bytes));
  lose = true;
  await t.rejects(alice.files.upload(pieces(bytes), { name: 'x' }), { code: 'gone' });
});

t.test('an upload that nobody wants any more ends with what it was aborted for', async (t) => {
  const why = new Error('changed my mind');
  const stop = new AbortController();
  let requests = 0;
  const alice = await clientBy(t, (real) => (url, init) => {
    requests++;
    return real(url, init);
  });
  const sending = alice.files.upload(randomBytes(20_000_000), {
    name: 'x',
    signal: stop.signal,
    onProgress: () => stop.abort(why),
  });
  await t.rejects(sending, why);
  const before = requests;
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.equal(requests, before, 'and nothing follows');
});

t.test('an access token that has expired on the way is renewed', async (t) => {
  let isExpired = true;
  let refreshes = 0;
  const alice = await clientBy(t, (real) => async (url, init) => {
    if (url.endsWith('/refresh')) refreshes++;
    if (init.method !== 'PATCH' || !isExpired) return real(url, init);
    isExpired = false;
    return Response.json({ error: { code: 'expired_token', reason: 'old', retry: false } }, { status: 401 });
  });
  t.equal((await alice.files.upload(Buffer.from('hello'), { name: 'x' })).bytes, 5);
  t.equal(refreshes, 1);
});
