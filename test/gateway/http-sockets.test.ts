import t, { type Test } from 'tap';
import { type Answered, pause, type Stage, stage, until } from './stage.ts';
import { frames, type StagedConnection } from './staged-door.ts';

interface Opened {
  readonly connection: StagedConnection;
  readonly path: string;
  post(frames: string, n?: number | string, type?: string): Promise<Answered>;
  poll(after?: number | string): Promise<Answered>;
  ask(method: string, path: string, body?: unknown): Promise<Answered>;
}

async function opened(here: Stage, token: string): Promise<Opened> {
  const authorization = `Bearer ${token}`;
  const known = here.door.connections.length;
  const { status, body } = await here.call('POST', '/v1/sockets', undefined, { authorization });
  if (status !== 201) throw new Error(`not opened: ${JSON.stringify(body)}`);
  const path = `/v1/sockets/${body.socket}`;
  return {
    connection: here.door.connections[known]!,
    path,
    post: (text, n = 1, type = 'application/json') =>
      here.call('POST', `${path}?n=${n}`, text, { authorization, 'content-type': type }),
    poll: (after = 0) => here.call('GET', `${path}?after=${after}`, undefined, { authorization }),
    ask: (method, at, body) => here.call(method, at, body, { authorization }),
  };
}

/** Reads a stream of events bit by bit. */
async function streamed(
  t: Test,
  here: Stage,
  path: string,
  token: string,
): Promise<{ readonly text: () => string; readonly ended: Promise<void>; readonly status: number; cut(): void }> {
  const cutter = new AbortController();
  t.teardown(() => cutter.abort());
  const response = await fetch(here.gateway.url + path, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${token}` },
    signal: cutter.signal,
  });
  let text = '';
  const reading = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) text += decoder.decode(chunk, { stream: true });
  };
  return { text: () => text, ended: reading().catch(() => {}), status: response.status, cut: () => cutter.abort() };
}

t.test('HTS2 frames are numbered: what comes twice is taken once, what comes too early is not', async (t) => {
  const here = await stage(t);
  const { connection, post } = await opened(here, (await here.register('alice')).accessToken);
  t.strictSame((await post('{"n":1}')).body, { taken: 1 });
  t.equal((await post('{"n":1}')).status, 200);
  t.match((await post('{"n":3}', 3)).body, { error: { code: 'out_of_order', retry: false } });
  t.strictSame((await post('{"n":1}\n{"n":2}\n{"n":3}\n', 1, 'application/x-ndjson')).body, { taken: 3 });
  t.strictSame(frames(connection), ['{"n":1}', '{"n":2}', '{"n":3}']);
  for (const n of ['0', '-1', 'x', '', '1e3']) t.equal((await post('{}', n)).status, 409, n);
  t.equal((await post('{\n  "n": 4\n}', 4)).status, 200, 'JSON on several lines is one frame');
  t.equal((await post('', 'x')).status, 200, 'nothing is a sign of life');
  t.equal(frames(connection).length, 4);
});

t.test('HTS2 what is wrong with a post', async (t) => {
  const here = await stage(t, { post_bytes_max: 100_000 });
  const { connection, post } = await opened(here, (await here.register('alice')).accessToken);
  t.equal((await post('{}', 1, 'text/plain')).status, 415);
  t.equal((await post(`"${'x'.repeat(65 * 1024)}"`)).status, 413);
  t.equal((await post('x\n'.repeat(60_000), 1, 'application/x-ndjson')).status, 413);
  t.strictSame(frames(connection), []);
  t.equal((await post('not JSON at all')).status, 200, 'the edge parses nothing');
});

t.test('HTS5 a poll brings what there is, and confirms what the one before brought', async (t) => {
  const here = await stage(t, { poll_ms_max: 150 });
  const { connection, poll } = await opened(here, (await here.register('alice')).accessToken);
  t.strictSame((await poll()).body, { last: 0, frames: [] }, 'nothing, after a while');
  connection.push('{"n":1}');
  connection.push('[{"n":2}]');
  t.strictSame((await poll()).body, { last: 2, frames: [{ n: 1 }, [{ n: 2 }]] });
  connection.push('{"n":3}');
  t.strictSame((await poll(1)).body, { last: 3, frames: [[{ n: 2 }], { n: 3 }] }, 'not confirmed: once more');
  t.strictSame((await poll(3)).body, { last: 3, frames: [] });
  const waiting = poll(3);
  connection.push('{"n":4}');
  t.strictSame((await waiting).body, { last: 4, frames: [{ n: 4 }] });
  const givenUp = poll(4);
  await pause(20);
  const instead = poll(4);
  t.strictSame((await givenUp).body, { last: 4, frames: [] });
  connection.push('{"n":5}');
  connection.push({ close: 4403, word: 'revoked' });
  const end = (await instead).body;
  t.match(end.frames, [{ n: 5 }]);
  const last = end.close === undefined ? (await poll(5)).body : end;
  t.match(last.close, { code: 4403, word: 'revoked' });
  t.equal((await poll(5)).status, 404);
  for (const after of ['-1', 'x', '']) t.equal((await poll(after)).status, 404, 'whatever is asked of it');
});

t.test('HTS5 a place that is none', async (t) => {
  const here = await stage(t, { poll_ms_max: 20 });
  const { connection, poll } = await opened(here, (await here.register('alice')).accessToken);
  connection.push('{}');
  for (const after of ['-1', 'x', '']) t.equal((await poll(after)).status, 400, after);
  t.strictSame((await poll(999)).body, { last: 1, frames: [] });
});

t.test('HTS4 events are written as they come, and end with the last word', async (t) => {
  const here = await stage(t, { ping_ms: 100, sweep_ms: 20 });
  const { accessToken } = await here.register('alice');
  const { connection, path, post, poll } = await opened(here, accessToken);
  connection.push('{"n":"before"}');
  const { text, ended } = await streamed(t, here, path, accessToken);
  await post('{}');
  connection.push('{"n":"after"}');
  await until(() => text().includes('after'));
  t.equal((await poll()).status, 409, 'one reader at a time');
  t.equal((await streamed(t, here, path, accessToken)).status, 409);
  await until(() => text().includes('event: ping\ndata: {}\n\n'));
  await here.call('POST', path, undefined, { authorization: `Bearer ${accessToken}` });
  connection.push({ close: 4409, word: 'replaced' });
  await ended;
  t.match(text(), /^: open\n\ndata: {"n":"before"}\n\ndata: {"n":"after"}\n\n/);
  t.match(text(), /event: close\ndata: {"code":4409,"word":"replaced"}\n\n$/);
  await until(() => here.gateway.connections() === 0);
});

t.test('HTS6 who shows no sign of life is given up; a stream that breaks ends its socket at once', async (t) => {
  const here = await stage(t, { ping_ms: 100, sweep_ms: 20, poll_ms_max: 20 });
  const { accessToken } = await here.register('alice');
  const deaf = await opened(here, accessToken);
  await streamed(t, here, deaf.path, accessToken);
  await deaf.post('{}');
  await until(() => deaf.connection.closed);
  const absent = await opened(here, accessToken);
  await absent.post('{}');
  await absent.poll();
  await until(() => absent.connection.closed);
  t.equal((await absent.poll()).status, 404);
  const broken = await opened(here, accessToken);
  const { cut } = await streamed(t, here, broken.path, accessToken);
  cut();
  await until(() => broken.connection.closed);
  t.equal(here.gateway.connections(), 0);
});

t.test('HTS7 a client that does not read is closed, and costs no more than the bound', async (t) => {
  const here = await stage(t, { unread_bytes_max: 256 * 1024, close_ms: 100 });
  const { accessToken } = await here.register('alice');
  const absent = await opened(here, accessToken);
  const chunk = JSON.stringify('x'.repeat(64 * 1024));
  let pushes = 0;
  while (!absent.connection.closed && pushes < 100) {
    absent.connection.push(chunk);
    pushes += 1;
  }
  t.ok(pushes < 8, `${pushes} pushes`);
  const end = await absent.poll();
  t.match(end.body.close, { code: 1013, word: 'overloaded' });
  await until(() => here.gateway.connections() === 0);
});

t.test('HTS1 a socket is of its session alone', async (t) => {
  const here = await stage(t, { poll_ms_max: 20 });
  const alice = await here.register('alice');
  const eve = await here.register('eve');
  const { path, post, ask } = await opened(here, alice.accessToken);
  for (const [token, status] of [
    [eve.accessToken, 404],
    ['nonsense', 401],
    [undefined, 401],
  ] as const) {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    for (const method of ['POST', 'GET', 'DELETE']) {
      t.equal((await here.call(method, path, undefined, headers)).status, status, `${method} ${token}`);
    }
  }
  t.equal((await here.call('POST', '/v1/sockets')).status, 401);
  const renewed = await here.call('POST', '/v1/sessions/refresh', { refreshToken: alice.refreshToken });
  const headers = { authorization: `Bearer ${renewed.body.accessToken}` };
  t.equal((await here.call('GET', path, undefined, headers)).status, 200, 'a renewed token of the session');
  t.equal((await ask('GET', '/v1/sockets/nothing')).status, 404);
  t.equal((await ask('PUT', path)).status, 405);
  t.equal((await ask('DELETE', path)).status, 200);
  t.equal((await post('{}')).status, 404);
  await until(() => here.gateway.connections() === 0);
});

t.test('HTS7 requests without end are refused for a while', async (t) => {
  const here = await stage(t, {
    socket_requests_per_user_burst: 3,
    socket_requests_per_user_per_minute: 60,
    poll_ms_max: 20,
  });
  const { accessToken } = await here.register('alice');
  const { poll } = await opened(here, accessToken);
  for (let n = 0; n < 3; n += 1) t.equal((await poll()).status, 200);
  const refused = await poll();
  t.equal(refused.status, 429);
  t.ok(refused.body.error.afterMs > 0);
});

t.test('closing the edge answers every request that waits', async (t) => {
  const here = await stage(t);
  const { accessToken } = await here.register('alice');
  const polling = await opened(here, accessToken);
  const streaming = await opened(here, accessToken);
  const { text, ended } = await streamed(t, here, streaming.path, accessToken);
  const waiting = polling.poll();
  await pause(20);
  await here.gateway.close(100);
  t.match((await waiting).body.close, { code: 1001, word: 'goaway' });
  await ended;
  t.match(text(), /event: close\ndata: {"code":1001/);
});

t.test('a page of another site gets nowhere, with these either', async (t) => {
  const here = await stage(t);
  const { accessToken } = await here.register('alice');
  const headers = { authorization: `Bearer ${accessToken}`, origin: 'https://evil.example' };
  t.equal((await here.call('POST', '/v1/sockets', undefined, headers)).status, 403);
});
