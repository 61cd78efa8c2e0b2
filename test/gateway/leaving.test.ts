import { once } from 'node:events';
import t from 'tap';
import { decodeServerFrame } from '../../proto/decode.ts';
import { bearerPrefix, type ServerWord, subprotocols } from '../../proto/words.ts';
import { closing, dial, pause, refusal, stage, until } from './stage.ts';
import { frames } from './staged-door.ts';

const login = { user: 'alice', device: 'phone', password: 'correct horse' };

t.test('who leaves takes no more sockets, says so, and goes on with those it has', async (t) => {
  const { gateway, client, register, call } = await stage(t);
  const { accessToken } = await register('alice');
  const { ws, connection } = await client(accessToken);
  gateway.leave();
  t.equal(await refusal(dial(gateway, [subprotocols.json, bearerPrefix + accessToken])), 503);
  const health = await call('GET', '/v1/health');
  t.match([health.status, health.body.error], [503, { code: 'leaving', retry: true }]);
  t.ok(health.body.error.afterMs >= 1_000);
  t.ok(Number(health.headers.get('retry-after')) >= 1);
  const session = await call('POST', '/v1/sessions', login);
  t.equal(session.status, 200, 'what is asked over HTTP is still done');
  t.equal(session.headers.get('connection'), 'close', 'but the next request should go elsewhere');
  ws.send('still served');
  await until(() => frames(connection).length === 1);
  gateway.stay();
  t.equal((await call('GET', '/v1/health')).status, 200);
  await client(accessToken);
});

t.test('CON8 clients are sent away one after another, with a word and time to go; who stays is closed', async (t) => {
  const farewell_ms = 300;
  const { gateway, client, register } = await stage(t, { handover_gap_ms: 60, farewell_ms, sweep_ms: 20 });
  const { accessToken } = await register('alice');
  const sockets = await Promise.all(Array.from({ length: 5 }, () => client(accessToken)));
  const binary = dial(gateway, [subprotocols.msgpack, bearerPrefix + accessToken]);
  await once(binary, 'open');
  const toldMs: number[] = [];
  const words: ServerWord[] = [];
  for (const { ws } of sockets) {
    ws.on('message', (data) => {
      toldMs.push(performance.now());
      const frame = decodeServerFrame(String(data), 'json');
      if (frame.ok) words.push(...frame.words);
    });
  }
  const inBinary = once(binary, 'message');
  const [obedient, ...others] = sockets;
  obedient!.ws.once('message', () => obedient!.ws.close(1000));
  const ends = others.map(({ ws }) => closing(ws));
  gateway.leave();
  await gateway.handOver();
  const [bytes] = (await inBinary) as [Buffer];
  t.match(decodeServerFrame(bytes, 'msgpack'), { ok: true, words: [{ kind: 'goaway', afterMs: 0 }] });
  t.equal(words.length, 5);
  t.match(words[0], { kind: 'goaway', reason: /leaving/, afterMs: 0 });
  t.ok(toldMs.at(-1)! - toldMs[0]! >= 150, 'spread over time');
  for (const end of ends) t.strictSame(await end, { code: 1001, reason: 'goaway' });
  await until(() => gateway.connections() === 0);
});

t.test('an edge that stays after all keeps those who have not gone', async (t) => {
  const { gateway, client, register } = await stage(t, { farewell_ms: 100, sweep_ms: 20, handover_gap_ms: 1 });
  const { accessToken } = await register('alice');
  const { ws, connection } = await client(accessToken);
  const told = once(ws, 'message');
  gateway.leave();
  const handedOver = gateway.handOver();
  await told;
  gateway.stay();
  await handedOver;
  await pause(250);
  ws.send('still here');
  await until(() => frames(connection).length === 1);
});

t.test('a node that can not serve sends everybody elsewhere', async (t) => {
  let isServing = true;
  const { gateway, register, call } = await stage(t, {}, { serving: () => isServing });
  const { accessToken } = await register('alice');
  isServing = false;
  t.equal(await refusal(dial(gateway, [subprotocols.json, bearerPrefix + accessToken])), 503);
  t.match((await call('GET', '/v1/health')).body, { error: { code: 'not_serving', retry: true } });
});

t.test('what was asked over HTTP before the edge closed is answered', async (t) => {
  const { gateway, register, call, door } = await stage(t);
  await register('alice');
  let answer: (() => void) | undefined;
  const { ask } = door;
  door.ask = async (...asked) => {
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    return ask(...asked);
  };
  const asked = call('POST', '/v1/sessions', login);
  await until(() => answer !== undefined);
  const closed = gateway.close(0);
  await pause(50);
  door.ask = ask;
  answer?.();
  t.equal((await asked).status, 200);
  await closed;
});
