import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { File, Group } from '../../../actors/index.ts';
import { folderStorage } from '../../../gateway/index.ts';
import { stage as edgeStage, until } from '../stage.ts';
import { type Stage, stage } from './stage.ts';

const type = { 'content-type': 'application/offset+octet-stream' };

/** Requests of the tus protocol, and what came of them. */
function tus(url: string, token: string) {
  return async (method: string, path: string, headers: Record<string, string> = {}, body?: BodyInit) => {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { 'tus-resumable': '1.0.0', authorization: `Bearer ${token}`, ...headers },
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    const json = text.startsWith('{') ? JSON.parse(text) : {};
    return { status: response.status, headers: response.headers, code: json.error?.code, body: json, text };
  };
}

async function begin(call: ReturnType<typeof tus>, length: number): Promise<string> {
  const { status, headers } = await call('POST', '/v1/uploads', { 'upload-length': String(length) });
  if (status !== 201) throw new Error(`${status}`);
  return headers.get('location')!;
}

function take(call: ReturnType<typeof tus>, upload: string) {
  const body = JSON.stringify({ upload: upload.slice(upload.lastIndexOf('/') + 1) });
  return call('POST', '/v1/files', { 'content-type': 'application/json' }, body);
}

/** A request that breaks off: its head says more bytes than come. */
function cutOff(
  { url }: Stage,
  path: string,
  token: string,
  offset: number,
  said: number,
  bytes: string,
): Promise<void> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const head = [
    `PATCH ${path} HTTP/1.1`,
    'host: x',
    'tus-resumable: 1.0.0',
    `authorization: Bearer ${token}`,
    `content-type: ${type['content-type']}`,
    `upload-offset: ${offset}`,
    `content-length: ${said}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${bytes}`);
  return new Promise((resolve) => {
    setTimeout(() => socket.destroy(), 100);
    socket.once('close', () => resolve());
  });
}

t.test('FIL1 after a cut an upload goes on where the server has got, also after a restart of the server', async (t) => {
  const server = await stage(t);
  const alice = await server.client('alice');
  const call = tus(server.url, alice.token());
  const at = await begin(call, 20);
  const path = new URL(at, server.url).pathname;
  await cutOff(server, path, alice.token(), 0, 20, '0123456');
  let offset = '';
  await until(() => {
    void call('HEAD', path).then(({ headers }) => {
      offset = headers.get('upload-offset') ?? '';
    });
    return offset === '7';
  });
  t.match((await call('PATCH', path, { 'upload-offset': '0', ...type }, 'again')).status, 409, 'a wrong offset');
  t.match(await take(call, at), { status: 409, code: 'unfinished_upload' });
  await server.restart();
  t.equal((await call('HEAD', path)).headers.get('upload-offset'), '7');
  t.equal((await call('PATCH', path, { 'upload-offset': '7', ...type }, '789abcdefghij')).status, 204);
  const taken = await take(call, at);
  t.match(taken, { status: 200, body: { bytes: 20, type: 'application/octet-stream' } });
  t.same((await take(call, at)).body, taken.body, 'the answer may be asked for again');
  t.match(await call('HEAD', path), { status: 404 });
  const file = await alice.client.files.download({ ...taken.body, kind: 'file', name: '' });
  t.equal(await file.text(), '0123456789abcdefghij');
});

t.test('FIL1 an upload is for whom it began with, and nobody reads it', async (t) => {
  const server = await stage(t);
  const [alice, eve] = await Promise.all([server.client('alice'), server.client('eve')]);
  const [call, other] = [tus(server.url, alice.token()), tus(server.url, eve.token())];
  const at = await begin(call, 3);
  for (const [method, headers] of [
    ['HEAD', {}],
    ['PATCH', { 'upload-offset': '0', ...type }],
    ['DELETE', {}],
  ] as const) {
    t.equal((await other(method, at, headers, method === 'PATCH' ? 'abc' : undefined)).status, 404, method);
  }
  t.equal((await call('PATCH', at, { 'upload-offset': '0', ...type }, 'abc')).status, 204);
  t.match(await take(other, at), { status: 404, code: 'unknown_upload' });
  t.match(await call('GET', at), { status: 405, code: 'wrong_method' });
  t.match(await call('PUT', at), { status: 404 });
  t.match(await take(call, at), { status: 200 });
  t.match(await take(other, at), { status: 404, code: 'unknown_upload' }, 'nor what was taken');
  t.match(await take(call, '/v1/uploads/..%2f..%2fsecret'), { status: 404, code: 'unknown_upload' });
  t.match(await call('HEAD', '/v1/uploads/../../secret'), { status: 404 });
  const nobody = tus(server.url, 'x.y.z');
  t.match(await nobody('POST', '/v1/uploads', { 'upload-length': '3' }), { status: 401, code: 'unauthorised' });
  t.match(await nobody('POST', '/v1/files', { 'content-type': 'application/json' }, '{}'), { status: 401 });
  const without = await fetch(`${server.url}/v1/uploads`, { method: 'POST', headers: { 'upload-length': '3' } });
  t.equal(without.status, 401);
  await alice.client.account.deactivate();
  t.match(await call('POST', '/v1/uploads', { 'upload-length': '3' }), { status: 401 }, 'the account has ended');
});

t.test('FIL2 uploads have a size, a number and a life', async (t) => {
  const limits = ['gateway.uploads_unfinished_max=2', 'gateway.upload_ms_max=700', 'gateway.other_bytes_max=1000'];
  const kinds = ['image', 'audio', 'video'].map((kind) => `gateway.${kind}_bytes_max=1000`);
  const server = await stage(t, [...limits, ...kinds]);
  const alice = await server.client('alice');
  const call = tus(server.url, alice.token());
  t.equal((await call('POST', '/v1/uploads', { 'upload-length': '1001' })).status, 413);
  t.equal((await call('POST', '/v1/uploads', { 'upload-length': 'many' })).status, 400);
  t.equal((await call('POST', '/v1/uploads')).status, 400);
  const deferred = await call('POST', '/v1/uploads', { 'upload-defer-length': '1' });
  const path = new URL(deferred.headers.get('location')!, server.url).pathname;
  const large = await call('PATCH', path, { 'upload-offset': '0', ...type }, 'x'.repeat(1_001));
  t.equal(large.status, 413, 'that of an unknown length, too');
  const at = await begin(call, 10);
  t.match(await call('POST', '/v1/uploads', { 'upload-length': '9' }), { status: 429, code: 'too_many_uploads' });
  t.equal((await call('DELETE', at)).status, 204);
  const last = await begin(call, 10);
  await new Promise((resolve) => setTimeout(resolve, 800));
  t.match((await call('PATCH', last, { 'upload-offset': '0', ...type }, '0123456789')).status, 410);
  // The second sweep at the latest has thrown both away.
  await new Promise((resolve) => setTimeout(resolve, 900));
  t.match(await call('HEAD', last), { status: 404 });
  t.equal((await call('POST', '/v1/uploads', { 'upload-length': '9' })).status, 201);
});

t.test('FIL2 all uploads of a node have a size', async (t) => {
  const server = await stage(t, ['gateway.uploads_total_bytes_max=1000']);
  const alice = await server.client('alice');
  const call = tus(server.url, alice.token());
  const at = await begin(call, 1_000);
  t.match(await call('POST', '/v1/uploads', { 'upload-length': '1' }), { status: 503, code: 'overloaded' });
  t.equal((await call('DELETE', at)).status, 204);
  t.match(await take(call, await begin(call, 0)), { status: 200 }, 'and room again');
});

t.test('FIL1 a node that leaves begins none', async (t) => {
  const folder = t.testdir();
  const storage = await folderStorage(join(folder, 'files'));
  const kinds = { file: File, group: Group };
  const files = { storage, uploadsFolder: join(folder, 'uploads'), kinds, url: () => '' };
  const { gateway, register } = await edgeStage(t, {}, { files });
  const { accessToken } = await register('alice');
  gateway.leave();
  const call = tus(gateway.url, accessToken);
  t.match(await call('POST', '/v1/uploads', { 'upload-length': '1' }), { status: 503, code: 'leaving' });
  const { call: plain } = await edgeStage(t);
  t.match(await plain('POST', '/v1/uploads'), { status: 501, body: { error: { code: 'no_files' } } });
});

t.test('FIL1 a page of another site may not, one of this site is told how', async (t) => {
  const server = await stage(t);
  const ask = (origin: string) =>
    fetch(`${server.url}/v1/uploads`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'authorization' },
    });
  t.equal((await ask('https://evil.example')).status, 403);
  const own = await ask(server.url);
  t.equal(own.status, 204);
  t.match(own.headers.get('access-control-allow-methods'), /PATCH/);
  t.match(own.headers.get('access-control-allow-headers'), /Authorization.*Upload-Offset|Upload-Offset.*Authorization/);
  t.match(own.headers.get('access-control-allow-origin'), server.url);
});

t.test('FIL1 a body that stands still is not waited for', async (t) => {
  const server = await stage(t, ['gateway.stall_ms_max=200']);
  const alice = await server.client('alice');
  const at = await begin(tus(server.url, alice.token()), 20);
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  const head = `PATCH ${new URL(at, server.url).pathname} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\n`;
  socket.write(`${head}authorization: Bearer ${alice.token()}\r\nupload-offset: 0\r\n`);
  socket.write(`content-type: ${type['content-type']}\r\ncontent-length: 20\r\n\r\n01`);
  await new Promise((resolve) => socket.resume().once('close', resolve));
  t.pass('it was hung up on');
});
