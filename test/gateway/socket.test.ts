import { once } from 'node:events';
import t from 'tap';
import WebSocket from 'ws';
import { subprotocols } from '../../proto/words.ts';
import { closing, pause, rawSocket, stage, until } from './stage.ts';
import { frames, opens } from './staged-door.ts';

t.test('frames go both ways as they are, in order', async (t) => {
  const { client, register } = await stage(t);
  const { ws, connection } = await client((await register('alice')).accessToken);
  ws.send('{"kind":"hello"}');
  ws.send(Buffer.from([1, 2, 3]));
  ws.send('');
  ws.send('ü');
  await until(() => frames(connection).length === 4);
  const [first, second, ...rest] = frames(connection);
  t.equal(first, '{"kind":"hello"}');
  t.strictSame([...(second as Uint8Array)], [1, 2, 3]);
  t.strictSame(rest, ['', 'ü']);

  const got: [string, boolean][] = [];
  ws.on('message', (data, isBinary) => got.push([data.toString(), isBinary]));
  connection.push('text');
  connection.push(new TextEncoder().encode('bytes'));
  connection.push('more');
  connection.push({ close: 4403, word: 'revoked' });
  connection.push('too late');
  t.strictSame(await closing(ws), { code: 4403, reason: 'revoked' });
  t.strictSame(got, [
    ['text', false],
    ['bytes', true],
    ['more', false],
  ]);
});

t.test('the bytes of a frame stay what they were while more is read', async (t) => {
  const { client, register } = await stage(t);
  const { ws, connection } = await client((await register('alice')).accessToken);
  for (let n = 0; n < 500; n += 1) ws.send(Buffer.alloc(1 + n * 7, n));
  await until(() => frames(connection).length === 500);
  t.ok(
    frames(connection).every(
      (bytes, n) => bytes.length === 1 + n * 7 && (bytes as Uint8Array).every((b) => b === n % 256),
    ),
  );
});

t.test('frames that break the rules close the socket with the right code; nobody else notices', async (t) => {
  const { client, register, door, gateway } = await stage(t);
  const { accessToken } = await register('alice');
  const witness = await client(accessToken);
  const largest = await client(accessToken);
  largest.ws.send('x'.repeat(64 * 1024));
  await until(() => frames(largest.connection).length === 1);
  largest.ws.send('x'.repeat(64 * 1024 + 1));
  t.equal((await closing(largest.ws)).code, 1009);
  t.equal(frames(largest.connection).length, 1);
  t.ok(largest.connection.closed);

  const fragments = await client(accessToken);
  for (let n = 0; n < 70; n += 1) fragments.ws.send('x', { fin: false });
  t.equal((await closing(fragments.ws)).code, 1008);

  const unmasked = rawSocket(gateway);
  unmasked.write(handshake(accessToken));
  await once(unmasked, 'data');
  unmasked.write(Buffer.from([0x81, 0x01, 0x41]));
  await once(unmasked.resume(), 'close');

  const latin = await client(accessToken);
  latin.ws.send(Buffer.from([0xff, 0xfe]), { binary: false });
  t.equal((await closing(latin.ws)).code, 1007);

  witness.ws.send('still here');
  await until(() => frames(witness.connection).length === 1);
  t.ok(door.connections.filter((connection) => connection !== witness.connection).every(({ closed }) => closed));
});

t.test('a client that does not read is closed, and costs no more than the bound', async (t) => {
  const { client, register, gateway, door } = await stage(t, { unread_bytes_max: 256 * 1024, close_ms: 300 });
  const { accessToken } = await register('alice');
  const { ws, connection } = await client(accessToken);
  const neighbour = await client(accessToken);
  ws.pause();
  const chunk = new Uint8Array(64 * 1024);
  let pushes = 0;
  for (; !connection.closed && pushes < 1_000; pushes += 1) {
    connection.push(chunk);
    if (pushes % 8 === 0) await pause(1);
  }
  t.ok(connection.closed, 'the outlet is closed at once');
  t.ok(pushes < 400, `${pushes} pushes`);
  t.equal(connection.mail.at(-1)?.kind, 'closed');
  await until(() => gateway.connections() === 1);
  neighbour.connection.push('hello');
  await once(neighbour.ws, 'message');
  t.equal(door.refusedWhispers, 0);
  ws.terminate();
});

t.test('a slow reader that does read in the end hears why', async (t) => {
  const { client, register } = await stage(t, { unread_bytes_max: 1024 });
  const { ws, connection } = await client((await register('alice')).accessToken);
  const large = new Uint8Array(16 * 1024 * 1024);
  connection.push(large);
  connection.push('one too many');
  t.strictSame(await closing(ws), { code: 1013, reason: 'overloaded' });
});

t.test('when all unread bytes together are too many, the slowest go', async (t) => {
  const { client, register, logged } = await stage(t, {
    unread_total_bytes_max: 1024 * 1024,
    sweep_ms: 50,
    unread_bytes_max: 64 * 1024 * 1024,
  });
  const { accessToken } = await register('alice');
  const slow = await client(accessToken);
  const good = await client(accessToken);
  slow.ws.pause();
  slow.connection.push(new Uint8Array(16 * 1024 * 1024));
  await until(() => slow.connection.closed);
  t.notOk(good.connection.closed);
  await until(() => logged.some((line) => line.includes('overloaded')));
  slow.ws.terminate();
});

t.test('pings: who answers stays, who does not is cut off', async (t) => {
  const { client, register, gateway } = await stage(t, { ping_ms: 100, sweep_ms: 20 });
  const { accessToken } = await register('alice');
  const good = await client(accessToken);
  good.ws.send('x');
  const deaf = await client(accessToken, { autoPong: false });
  deaf.ws.send('x');
  const end = await closing(deaf.ws);
  t.equal(end.code, 1006);
  await pause(300);
  t.equal(good.ws.readyState, WebSocket.OPEN);
  t.equal(gateway.connections(), 1);
});

t.test('a socket that never says anything is closed', async (t) => {
  const { client, register } = await stage(t, { first_frame_ms: 100, sweep_ms: 20 });
  const { accessToken } = await register('alice');
  const silent = await client(accessToken);
  const spoken = await client(accessToken);
  spoken.ws.send('x');
  t.strictSame(await closing(silent.ws), { code: 4408, reason: 'hello_timeout' });
  await pause(100);
  t.notOk(spoken.connection.closed);
});

t.test('while an actor is full, its socket is not read', async (t) => {
  const { client, register, door } = await stage(t);
  const { ws, connection } = await client((await register('alice')).accessToken);
  door.whispers = (mail) => (mail.kind === 'frame' ? 'full' : 'ok');
  const count = 400;
  for (let n = 0; n < count; n += 1) ws.send(new Uint8Array(64 * 1024));
  await until(() => door.refusedWhispers > 3);
  t.ok(ws.bufferedAmount > 4 * 1024 * 1024, 'the client is held back');
  door.whispers = () => 'ok';
  await until(() => frames(connection).length === count);
});

t.test('an owner that does not know the socket yet is told again, later each time', async (t) => {
  const { client, register, door } = await stage(t);
  const { ws, connection } = await client((await register('alice')).accessToken);
  await pause(20);
  let strangers = 0;
  door.whispers = (mail) => {
    if (mail.kind === 'open' && strangers++ < 100) setImmediate(() => connection.moved());
    return 'ok';
  };
  connection.moved();
  await pause(400);
  t.ok(strangers >= 3 && strangers <= 6, `${strangers} times in 400 ms`);
  strangers = 100;
  await until(() => strangers > 100);
  ws.send('after');
  await until(() => frames(connection).includes('after'));
});

t.test('an actor that has moved and does not come back: 4503', async (t) => {
  const { client, register, door } = await stage(t, { introduce_ms_max: 100 });
  const { ws, connection } = await client((await register('alice')).accessToken);
  door.whispers = () => 'moved';
  connection.moved();
  t.strictSame(await closing(ws), { code: 4503, reason: 'unavailable' });
});

t.test('a door that says `moved` from within a whisper', async (t) => {
  const { client, register, door } = await stage(t);
  const { ws, connection } = await client((await register('alice')).accessToken);
  let moves = 0;
  door.whispers = (mail) => {
    if (mail.kind !== 'frame' || moves > 0) return 'ok';
    moves += 1;
    connection.moved();
    return 'moved';
  };
  ws.send('lost on the way');
  await until(() => opens(connection).length === 2);
  ws.send('after');
  await until(() => frames(connection).length === 1);
  t.strictSame(frames(connection), ['after']);
});

function handshake(token: string): string {
  return [
    'GET /v1/socket HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: ${subprotocols.json}`,
    `Authorization: Bearer ${token}`,
    '',
    '',
  ].join('\r\n');
}
