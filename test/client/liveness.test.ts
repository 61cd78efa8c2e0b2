import { mock } from 'node:test';
import t from 'tap';
import { sdkLimits } from '../../client/index.ts';
import { message, next, online, receipt, settled, until } from './scripted-client.ts';

/** Lets the client's clock run on; its sockets stay real. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= sdkLimits.health_check_ms) {
    mock.timers.tick(Math.min(left, sdkLimits.health_check_ms));
    await settled();
  }
}
t.beforeEach(() => {
  mock.timers.enable({ apis: ['setInterval', 'Date'], now: Date.now() });
  mock.method(performance, 'now', () => Date.now());
});
t.afterEach(() => mock.reset());

t.test('silence: a question that must be answered; its answer is a sign of life', async (t) => {
  const { client, peer } = await online(t);
  await pass(sdkLimits.quiet_ms_max - 1);
  t.strictSame(peer.unread(), []);
  await pass(sdkLimits.health_check_ms);
  const probe = await peer.word('inquire');
  const refused = client.on('refused', () => t.fail('nobody asked'));
  peer.say({ kind: 'refused', req: probe.req, code: 'unknown_message', reason: 'No.', retry: false });
  await settled();
  await pass(sdkLimits.probe_wait_ms_max * 2);
  t.equal(client.state, 'online');
  refused();
});

t.test('silence that goes on: the socket counts as dead, and another takes its place', async (t) => {
  const { server, client, peer } = await online(t);
  peer.freeze();
  const lost = next(client, 'state');
  await pass(sdkLimits.quiet_ms_max + sdkLimits.probe_wait_ms_max + sdkLimits.health_check_ms);
  t.match(await lost, { state: 'waiting', error: { code: 'timeout' } });
  await (await server.peer()).welcome();
});

t.test('a message that goes unheard: another connection is made, and the application sees no break', async (t) => {
  const { server, client, peer } = await online(t);
  const states: string[] = [];
  client.on('state', ({ state }) => states.push(state));
  const sent = client.send('bob', 'into the void');
  await peer.word('send');
  peer.freeze();
  await pass(sdkLimits.unheard_ms_max + sdkLimits.health_check_ms);
  const again = await server.peer();
  await again.welcome();
  t.match(await again.word('send'), { id: sent.id });
  t.notOk(states.includes('waiting'), states.join());
});

t.test('pings of the server are signs of life, in Node', async (t) => {
  const { client, peer } = await online(t);
  for (let pings = 0; pings < 4; pings++) {
    await pass(20_000);
    peer.ping();
    await settled();
  }
  t.strictSame(peer.unread(), []);
  t.equal(client.state, 'online');
});

t.test('a message that nobody answers is sent again', async (t) => {
  const { client, peer } = await online(t);
  const sent = client.send('bob', 'hello?');
  await peer.word('send');
  for (let passedMs = 0; passedMs <= sdkLimits.unanswered_ms_max; passedMs += 2_000) {
    peer.ping();
    await settled();
    await pass(2_000);
  }
  t.match(await peer.word('send'), { id: sent.id });
});

t.test('what was not worth a frame of its own is acknowledged in time', async (t) => {
  const { client, peer } = await online(t);
  peer.say({ kind: 'events', from: 1, list: [receipt('bob', 1, 1)] });
  await until(() => client.cursor === 1);
  await pass(sdkLimits.health_check_ms);
  t.match(await peer.word('received'), { upTo: 1 });
  peer.say({ kind: 'events', from: 2, list: [message('bob', 1)] });
  t.match(await peer.word('received'), { upTo: 2 });
});

t.test('the session is renewed while the socket lives', async (t) => {
  const { server, client } = await online(t);
  const token = client.saved().tokens.accessToken;
  await pass(900_000 - sdkLimits.token_lead_ms + sdkLimits.health_check_ms);
  await until(() => client.saved().tokens.accessToken !== token);
  t.equal(server.asked.filter((name) => name.endsWith('/refresh')).length, 1);
});
