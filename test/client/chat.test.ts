import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runChat } from '../../client/chat/index.ts';
import { MiniMessenger } from './mini-messenger.ts';
import { until } from './scripted-client.ts';
import { scriptedServer } from './scripted-server.ts';
import { type PipeIo, pipeIo } from './virtual-terminal.ts';

interface Running {
  readonly io: PipeIo;
  readonly code: Promise<number>;
  /** Waits for a line of output that matches. */
  sees(line: RegExp): Promise<void>;
  type(line: string): void;
  end(): Promise<number>;
}

function start(messenger: { url: string } | MiniMessenger, home: string, ...argv: string[]): Running {
  const url = messenger instanceof MiniMessenger ? messenger.server.url : messenger.url;
  const io = pipeIo({ RINGPOST_HOME: home, RINGPOST_URL: url });
  const code = runChat(argv, io);
  return {
    io,
    code,
    sees: (line) => until(() => io.stdout.lines.some((text) => line.test(text))),
    type: (line) => io.stdin.type(`${line}\n`),
    end() {
      io.stdin.end();
      return code;
    },
  };
}

async function messenger(t: { teardown(run: () => unknown): void }): Promise<MiniMessenger> {
  const started = await MiniMessenger.start();
  t.teardown(() => started.server.close());
  return started;
}

t.test('two chats: accounts are made, messages go, every step is a line', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  const bob = start(server, home, 'bob');
  await bob.sees(/^\* bob is new here: an account was made/);
  const alice = start(server, home, 'alice', '--to', 'bob');
  await alice.sees(/^\* bob: online$/);
  alice.type('hello bob');
  await alice.sees(/^✓✓ read by bob: hello bob$/);
  await bob.sees(/^alice: hello bob$/);
  // Whoever writes first becomes the partner of somebody who has none.
  bob.type('hello yourself');
  await alice.sees(/^bob: hello yourself$/);
  await bob.sees(/^✓✓ read by alice: hello yourself$/);
  t.equal(await bob.end(), 0);
  await alice.sees(/^\* bob: last seen /);
  t.equal(await alice.end(), 0);
  t.strictSame(
    alice.io.stdout.lines.filter((line) => /[✓✗]/.test(line)).map((line) => line.split(' ')[1]),
    ['sent', 'delivered', 'read'],
  );
  t.equal(alice.io.stderr.text + bob.io.stderr.text, '');
});

t.test('what comes to a new account before it is connected is shown', async (t) => {
  const server = await messenger(t);
  const register = server.server.routes.get('POST /v1/accounts')!;
  server.server.routes.set('POST /v1/accounts', (request, bearer) => {
    const answer = register(request, bearer);
    const body = `welcome, ${request.user}`;
    const early = { kind: 'message', id: 'early', from: 'carol', to: request.user!, seq: 1, at: 1, body } as const;
    server.users.get(request.user!)?.timeline.push(early);
    return answer;
  });
  const bob = start(server, t.testdir(), 'bob');
  await bob.sees(/^carol: welcome, bob$/);
  t.equal(await bob.end(), 0);
});

t.test('offline: messages wait, and the next chat begins with them; nothing is shown twice', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  t.equal(await start(server, home, 'bob').end(), 0);
  const alice = start(server, home, 'alice', '--to', 'bob');
  for (const n of [1, 2]) alice.type(`message ${n}`);
  t.equal(await alice.end(), 0);
  const first = start(server, home, 'bob');
  await first.sees(/^alice: message 2$/);
  t.equal(await first.end(), 0);
  t.strictSame(first.io.stdout.lines.slice(0, 2), ['alice: message 1', 'alice: message 2']);
  t.notMatch(first.io.stdout.text, /new here/);
  const second = start(server, home, 'bob', '--to', 'alice');
  second.type('/history');
  await second.sees(/^alice: message 1$/);
  t.equal(await second.end(), 0);
  t.equal(second.io.stdout.lines.filter((line) => line.startsWith('alice: message')).length, 2);
});

t.test('commands', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  const alice = start(server, home, 'alice');
  await alice.sees(/new here/);
  const { io, type, sees } = alice;
  const tells = (text: RegExp) => until(() => text.test(io.stderr.text));
  type('is anybody there');
  await tells(/whom do you want to write to/);
  type('/who');
  await sees(/You have talked with nobody yet/);
  type('/history');
  await tells(/With whom\? \/to NAME first/);
  type('/nonsense');
  await tells(/There is no command \/nonsense/);
  type('/to Bob');
  await tells(/"Bob" can't be a name\. Did you mean bob\?/);
  type('/to alice');
  await tells(/You cannot write to yourself/);
  type('/to');
  await tells(/Whom do you want to write to\? \/to NAME/);
  type('/to bob');
  await sees(/^\* You are writing to bob$/);
  await sees(/^\* bob: not seen yet$/);
  type('/history');
  await sees(/You and bob have not written to each other yet/);
  type('/history x');
  await tells(/takes a number from 1 to/);
  type('/info');
  await tells(/You have sent nothing/);
  type('//slash');
  await sees(/^✗ not delivered to bob: \/slash \(There is no account of this name\.\)$/);
  type('/info');
  await sees(/^failed {5}unknown_user$/);
  type('/info 7');
  await tells(/not sent so many/);
  type('/info no-such-id');
  await tells(/No such\./);
  type('/who');
  await sees(/^bob {2}not seen yet$/);
  type('/devices');
  await sees(/^terminal {2}connected, since .*, this one$/);
  type('/revoke');
  await tells(/Which device\?/);
  type('/revoke nothing');
  await tells(/The account has no such device\./);
  type('/revoke phone');
  await sees(/^\* phone is logged out\.$/);
  type('/help');
  await sees(/^\/to NAME {8,}write to somebody else, or to a group: \/to #TITLE$/);
  type('/quit');
  t.equal(await alice.code, 1, 'one message was not delivered');
});

t.test('messages that hold more than text', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  const [bob, carol] = [start(server, home, 'bob'), start(server, home, 'carol')];
  for (const one of [bob, carol]) await one.sees(/new here/);
  const alice = start(server, home, 'alice', '--to', 'bob');
  await alice.sees(/^\* bob: online$/);
  const tells = ({ io }: Running, text: RegExp) => until(() => text.test(io.stderr.text));
  alice.type('/reply nothing yet');
  await tells(alice, /Nobody else has written here yet/);
  alice.type('Shall we meet?');
  await bob.sees(/^alice: Shall we meet\?$/);
  bob.type('/reply Yes, there');
  await alice.sees(/^bob: \[to alice: Shall we meet\?\] Yes, there$/);
  bob.type('/place 48.13743 11.57549 Marienplatz');
  await alice.sees(/^bob: \[place Marienplatz 48\.13743, 11\.57549\]$/);
  alice.type('/forward carol');
  await carol.sees(/^alice: \[forwarded\] \[place Marienplatz 48\.13743, 11\.57549\]$/);
  bob.type('/card Dan Miller @dan +49 170 1234 dan@example.org');
  await alice.sees(/^bob: \[card Dan Miller, dan, \+49 170 1234, dan@example\.org\]$/);
  bob.type('/once the secret');
  await alice.sees(/^bob: \[to be seen once\] the secret$/);
  for (const [line, words] of [
    ['/place', /degrees north, and east/],
    ['/place 91 0', /degrees north, and east/],
    ['/card', /Whose\?/],
    ['/once', /What\?/],
    ['/forward', /To whom\?/],
    ['/forward #nowhere', /You are in no group #nowhere/],
    ['/reply', /What do you answer\?/],
  ] as const) {
    alice.io.stderr.text = '';
    alice.type(line);
    await tells(alice, words);
  }
  alice.type('/history');
  await until(() => alice.io.stdout.lines.filter((line) => /Yes, there$/.test(line)).length === 2);
  for (const one of [alice, bob, carol]) t.equal(await one.end(), 0);
});

t.test('a conversation beside the open one: shown, not read until it is opened', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  const alice = start(server, home, 'alice', '--to', 'bob');
  await alice.sees(/writing to bob/);
  const carol = start(server, home, 'carol', '--to', 'alice');
  carol.type('psst');
  await alice.sees(/^carol: psst$/);
  await carol.sees(/^✓✓ delivered to alice: psst$/);
  alice.type('/who');
  await alice.sees(/^carol {2}online, 1 unread$/);
  t.notMatch(carol.io.stdout.text, /read by/);
  alice.type('/to carol');
  alice.type('/history');
  await carol.sees(/^✓✓ read by alice: psst$/);
  t.equal(await alice.end(), 0);
  t.equal(await carol.end(), 0);
});

t.test('what is kept is for its owner alone; the password made up opens the account again', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  t.equal(await start(server, home, 'alice').end(), 0);
  const folder = join(home, `localhost_${server.server.port}`, 'alice');
  for (const name of ['password', 'device-terminal.json'])
    t.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  t.equal(statSync(folder).mode & 0o777, 0o700);
  t.equal(readFileSync(join(folder, 'password'), 'utf8').trim(), server.users.get('alice')?.password);
  // Its session has ended, as after months: the kept password makes a new one.
  server.forgetSessions();
  const again = start(server, home, 'alice');
  again.type('/devices');
  await again.sees(/this one/);
  t.equal(await again.end(), 0);
  // The server has lost everything: the account is made again.
  server.users.clear();
  server.forgetSessions();
  const anew = start(server, home, 'alice');
  await anew.sees(/new here/);
  t.equal(await anew.end(), 0);
});

t.test('passwords given: right, wrong, too short, and nobody to ask', async (t) => {
  const server = await messenger(t);
  const here = t.testdir({ here: {}, there: {}, elsewhere: {} });
  t.equal(await start(server, join(here, 'here'), 'alice', '--password', 'correct horse').end(), 0);
  t.equal(await start(server, join(here, 'there'), 'alice', '--password', 'correct horse').end(), 0);
  const wrong = start(server, join(here, 'elsewhere'), 'alice', '--password', 'battery staple');
  t.equal(await wrong.end(), 1);
  t.match(wrong.io.stderr.text, /^The password for alice is not right/);
  const short = start(server, join(here, 'elsewhere'), 'bob', '--password', 'short');
  t.equal(await short.end(), 1);
  t.match(short.io.stderr.text, /8 to 128 characters/);
  const nobody = start(server, join(here, 'elsewhere'), 'alice');
  t.equal(await nobody.end(), 1);
  t.match(nobody.io.stderr.text, /no terminal to ask on.*RINGPOST_PASSWORD/);
});

t.test('two chats of one user on one machine are two devices', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  const one = start(server, home, 'alice');
  await one.sees(/new here/);
  const two = start(server, home, 'alice');
  two.type('/devices');
  await two.sees(/^terminal-2 .*this one$/);
  const three = start(server, home, 'alice', '--device', 'terminal');
  t.equal(await three.end(), 1);
  t.match(three.io.stderr.text, /Another chat \(process \d+\) is using the device terminal/);
  t.equal(await two.end(), 0);
  t.equal(await one.end(), 0);
});

t.test('no server: which address, and what to type', async (t) => {
  const dead = await scriptedServer();
  await dead.close();
  const chat = start(dead, t.testdir(), 'alice');
  t.equal(await chat.end(), 1);
  t.match(chat.io.stderr.text, `No answer from ${dead.url} (connection refused).`);
  t.match(chat.io.stderr.text, /npm start/);
  const far = start({ url: 'http://ringpost.invalid:1' }, t.testdir(), 'alice', '--password', 'correct horse');
  t.equal(await far.end(), 1);
  t.match(far.io.stderr.text, /ringpost\.invalid.*\n.*--url/);
});

t.test('the connection breaks and comes back: said once each, and nothing is lost', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  const bob = start(server, home, 'bob');
  await bob.sees(/new here/);
  const alice = start(server, home, 'alice', '--to', 'bob');
  await alice.sees(/bob: online/);
  for (const peer of server.peersOf('alice')) peer.cut();
  await alice.sees(/^\* The connection is lost: /);
  alice.type('are you still there');
  await alice.sees(/^\* Connected again, to http/);
  await bob.sees(/^alice: are you still there$/);
  t.equal(await alice.end(), 0);
  t.equal(await bob.end(), 0);
});

t.test('taken over by another chat of the same device: said, and the end', async (t) => {
  const server = await messenger(t);
  const alice = start(server, t.testdir(), 'alice');
  await alice.sees(/new here/);
  await until(() => server.peersOf('alice').length === 1);
  const [first] = server.peersOf('alice');
  first?.close(4409, 'replaced');
  await until(() => server.peersOf('alice').some((peer) => peer !== first));
  await alice.sees(/Connected again/);
  for (const peer of server.peersOf('alice')) if (peer !== first) peer.close(4409, 'replaced');
  t.equal(await alice.code, 1);
  t.match(alice.io.stderr.text, /Another chat of the same user and device took over/);
});

t.test('a message that could not be sent goes out with the next chat', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  const alice = start(server, home, 'alice', '--to', 'bob');
  await alice.sees(/writing to bob/);
  server.server.refuse = 503;
  for (const peer of server.peersOf('alice')) peer.cut();
  await alice.sees(/connection is lost/);
  alice.type('later then');
  alice.type('/quit');
  t.equal(await alice.code, 1);
  t.match(alice.io.stderr.text, /^Not sent yet: 1\. It is kept/);
  server.server.refuse = 0;
  t.equal(await start(server, home, 'bob').end(), 0);
  const again = start(server, home, 'alice');
  await again.sees(/^✓ sent to bob: later then$/);
  t.equal(await again.end(), 0);
});

t.test('what others write cannot draw on the screen', async (t) => {
  const server = await messenger(t);
  const home = t.testdir();
  const bob = start(server, home, 'bob');
  await bob.sees(/new here/);
  const alice = start(server, home, 'alice', '--to', 'bob');
  alice.type('\u001b[2Jboo\u0007 \u202Ereversed');
  await bob.sees(/^alice: �\[2Jboo� �reversed$/);
  t.equal(await alice.end(), 0);
  t.equal(await bob.end(), 0);
});

t.test('command lines that are not understood', async (t) => {
  const said = async (...argv: string[]) => {
    const io = pipeIo({});
    const code = await runChat(argv, io);
    return [code, io.stderr.text.split('\n')[0]];
  };
  t.match(await said(), [2, /Who are you/]);
  t.match(await said('Alice'), [2, /Did you mean alice\?/]);
  t.match(await said('alice', 'bob'), [2, /--to bob/]);
  t.match(await said('alice', '--to', 'alice'), [2, /cannot write to yourself/]);
  t.match(await said('alice', '--device', 'my phone'), [2, /can't be a device/]);
  t.match(await said('alice', '--url', 'nowhere'), [2, /is not a url/]);
  t.match(await said('alice', '--what'), [2, /--what/]);
  const io = pipeIo({});
  t.equal(await runChat(['--help'], io), 0);
  t.match(io.stdout.text, /RINGPOST_PASSWORD/);
});
