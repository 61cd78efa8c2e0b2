import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runChat } from '../../client/chat/index.ts';
import { widthOf } from '../../client/chat/text.ts';
import { MiniMessenger } from './mini-messenger.ts';
import { settled, until } from './scripted-client.ts';
import { pipeIo, type TerminalIo, terminalIo } from './virtual-terminal.ts';

// readline asks the process, not us, whether it may move the cursor.
process.env.TERM = 'xterm';

const time = /\d\d:\d\d/g;

interface Terminal {
  readonly io: TerminalIo;
  readonly code: Promise<number>;
  /** The screen with `hh:mm` for all times. */
  screen(): string[];
  sees(...lines: (string | RegExp)[]): Promise<void>;
  type(text: string): void;
}

function start(server: MiniMessenger, home: string, argv: string[], columns?: number, rows?: number): Terminal {
  const io = terminalIo({ RINGPOST_HOME: home, RINGPOST_URL: server.server.url, TERM: 'xterm' }, columns, rows);
  const code = runChat(argv, io);
  const screen = () => io.stdout.screen.map((line) => line.replace(time, 'hh:mm'));
  return {
    io,
    code,
    screen,
    type: (text) => io.stdin.type(text),
    async sees(...lines) {
      const there = () =>
        lines.every((wanted) =>
          screen().some((line) => (typeof wanted === 'string' ? line === wanted : wanted.test(line))),
        );
      await until(there).catch(() => {
        throw new Error(`not on the screen: ${lines.join(' | ')}\n${screen().join('\n')}`);
      });
    },
  };
}

async function scene(t: { teardown(run: () => unknown): void; testdir(): string }) {
  const server = await MiniMessenger.start();
  t.teardown(() => server.server.close());
  const home = t.testdir();
  const bob = pipeIo({ RINGPOST_HOME: home, RINGPOST_URL: server.server.url });
  const bobCode = runChat(['bob'], bob);
  await until(() => /new here/.test(bob.stdout.text) && server.users.has('bob') && server.peersOf('bob').length === 1);
  return {
    server,
    home,
    bob: {
      io: bob,
      say: (line: string) => bob.stdin.type(`${line}\n`),
      leave: () => {
        bob.stdin.end();
        return bobCode;
      },
    },
  };
}

t.test('a conversation: what is typed stays below, ticks change where they are', async (t) => {
  const { server, home, bob } = await scene(t);
  const alice = start(server, home, ['alice', '--to', 'bob']);
  await alice.sees('── You are writing to bob ──', 'bob ● online ›');
  alice.type('hello bob');
  await alice.sees('bob ● online › hello bob');
  alice.type('\r');
  await alice.sees('hh:mm ✔✔ you → bob: hello bob', 'bob ● online ›');
  t.equal(alice.screen().filter((line) => /hello bob/.test(line)).length, 1, 'once, whatever became of it');
  alice.type('half a sen');
  bob.say('hello alice');
  await alice.sees('hh:mm    bob: hello alice', 'bob ● online › half a sen');
  t.strictSame(alice.screen().slice(-3), [
    'hh:mm ✔✔ you → bob: hello bob',
    'hh:mm    bob: hello alice',
    'bob ● online › half a sen',
  ]);
  alice.type('tence\r');
  await alice.sees('hh:mm ✔✔ you → bob: half a sentence');
  await until(() => /^alice: half a sentence$/m.test(bob.io.stdout.text));
  await bob.leave();
  await alice.sees(/^bob last seen .* ›$/);
  alice.type('\u0004');
  t.equal(await alice.code, 0);
});

t.test('typing is seen in the prompt, and told', async (t) => {
  const { server, home, bob } = await scene(t);
  const alice = start(server, home, ['alice', '--to', 'bob']);
  const other = start(server, home, ['carol', '--to', 'alice']);
  await Promise.all([alice.sees(/online ›$/), other.sees(/online ›$/)]);
  for (const peer of server.peersOf('alice')) peer.say({ kind: 'typing', from: 'bob', on: true });
  await alice.sees('bob typing … ›');
  bob.say('/to alice');
  bob.say('done');
  await alice.sees('hh:mm    bob: done', 'bob ● online ›');
  alice.type('/to carol\r');
  await alice.sees('carol ● online ›');
  other.type('x');
  await alice.sees('carol typing … ›');
  other.type('\u007f');
  await alice.sees('carol ● online ›');
  for (const chat of [alice, other]) {
    chat.type('\u0003');
    t.equal(await chat.code, 0);
  }
  await bob.leave();
});

t.test('a message that has scrolled away: a short notice instead', async (t) => {
  const { server, home, bob } = await scene(t);
  const alice = start(server, home, ['alice', '--to', 'bob'], 60, 8);
  await alice.sees(/online ›$/);
  await bob.leave();
  await alice.sees(/last seen/);
  alice.type('are you there\r');
  await alice.sees('hh:mm ✓  you → bob: are you there');
  alice.type('/help\r');
  await alice.sees(/Everything else is a message/);
  t.notOk(alice.screen().some((line) => /are you there/.test(line)));
  const back = pipeIo({ RINGPOST_HOME: home, RINGPOST_URL: server.server.url });
  const code = runChat(['bob'], back);
  await alice.sees('      ✔✔ bob has read “are you there”');
  back.stdin.end();
  t.equal(await code, 0);
  t.match(alice.io.stdout.scrolled.join('\n').replace(time, 'hh:mm'), /hh:mm ✓ {2}you → bob: are you there/);
  alice.type('\u0004');
  t.equal(await alice.code, 0);
});

t.test('long lines, wide letters, and a window that changes its size', async (t) => {
  const { server, home, bob } = await scene(t);
  const alice = start(server, home, ['alice', '--to', 'bob'], 30, 14);
  await alice.sees(/online ›$/);
  const long = 'a line that is much longer than this terminal is wide';
  alice.type(`${long}\r`);
  await alice.sees('hh:mm ✔✔ you → bob: a line tha');
  alice.type('日本語の文字は二倍の幅があるので注意\r');
  await until(() => (bob.io.stdout.text.match(/^alice: /gm) ?? []).length === 2);
  await alice.sees('hh:mm ✔✔ you → bob: 日本語の文');
  alice.type('this is being typed over more than one row');
  bob.say('two\tcolumns and then some more of it');
  await alice.sees(/^hh:mm {4}bob: two {4}columns/);
  await settled();
  t.strictSame(alice.screen().slice(-9), [
    'hh:mm ✔✔ you → bob: a line tha',
    't is much longer than this ter',
    'minal is wide',
    'hh:mm ✔✔ you → bob: 日本語の文',
    '字は二倍の幅があるので注意',
    'hh:mm    bob: two    columns a',
    'nd then some more of it',
    'bob ● online › this is being t',
    'yped over more than one row',
  ]);
  alice.io.stdout.columns = 80;
  alice.io.stdout.emit('resize');
  alice.type('\r');
  await until(() => /more than one row$/m.test(bob.io.stdout.text));
  alice.type('\u0004');
  t.equal(await alice.code, 0);
  await bob.leave();
});

t.test('what was typed comes back with the up key, also in the next chat; tab completes', async (t) => {
  const { server, home, bob } = await scene(t);
  const first = start(server, home, ['alice', '--to', 'bob']);
  await first.sees(/online ›$/);
  first.type('remember me\r');
  await first.sees(/you → bob: remember me/);
  first.type('/quit\r');
  t.equal(await first.code, 0);
  const next = start(server, home, ['alice']);
  await next.sees('Whom do you want to write to? (/to NAME) ›');
  next.type('\u001b[A\u001b[A');
  await next.sees('Whom do you want to write to? (/to NAME) › remember me');
  next.type('\u0003');
  await next.sees('Whom do you want to write to? (/to NAME) ›');
  for (const keys of ['/t', '\t', 'bob', '\r']) next.type(keys);
  await next.sees('› /to bob', /^hh:mm ✔✔ you → bob: remember me$/, 'bob ● online ›');
  for (const keys of ['/to b', '\t']) next.type(keys);
  await next.sees('bob ● online › /to bob');
  next.type('\u0003\u0003');
  t.equal(await next.code, 0);
  await bob.leave();
});

t.test('a password is asked for without showing it, and asked again when it is wrong', async (t) => {
  const { server, home, bob } = await scene(t);
  const elsewhere = join(home, 'elsewhere');
  const carol = pipeIo({ RINGPOST_HOME: home, RINGPOST_URL: server.server.url, RINGPOST_PASSWORD: 'correct horse' });
  carol.stdin.end();
  t.equal(await runChat(['carol'], carol), 0);
  const chat = start(server, elsewhere, ['carol']);
  await chat.sees(/^Password of carol/);
  chat.type('battery staple\r');
  await chat.sees('   That is not the password.');
  chat.type('correct horse\r');
  await chat.sees('Whom do you want to write to? (/to NAME) ›');
  t.notMatch(chat.screen().join('\n'), /battery|correct/);
  chat.type('\u0004');
  t.equal(await chat.code, 0);
  const refused = start(server, join(elsewhere, 'again'), ['carol']);
  await refused.sees(/^Password of carol/);
  refused.type('\u0003');
  t.equal(await refused.code, 1);
  t.match(refused.io.stderr.text, /No password was given/);
  await bob.leave();
});

t.test('colours: only where they are wanted', async (t) => {
  const { server, home, bob } = await scene(t);
  const raw = async (env: { readonly [name: string]: string }) => {
    const io = terminalIo({ RINGPOST_HOME: home, RINGPOST_URL: server.server.url, ...env });
    let text = '';
    const write = io.stdout._write.bind(io.stdout);
    io.stdout._write = (chunk: Buffer, encoding, done) => {
      text += chunk.toString();
      write(chunk, encoding, done);
    };
    const code = runChat(['alice'], io);
    await until(() => /Whom do you/.test(text));
    io.stdin.type('\u0004');
    t.equal(await code, 0);
    return text;
  };
  t.match(await raw({ TERM: 'xterm' }), '\u001b[2m');
  t.notMatch(await raw({ TERM: 'xterm', NO_COLOR: '1' }), '\u001b[2m');
  const dumb = terminalIo({ RINGPOST_HOME: home, RINGPOST_URL: server.server.url, TERM: 'dumb' });
  dumb.stdin.end('/who\n');
  t.equal(await runChat(['alice'], dumb), 0);
  t.strictSame(dumb.stdout.screen, ['You have talked with nobody yet. /to NAME begins.'], 'plain lines');
  await bob.leave();
});

t.test('the width of text', async (t) => {
  t.equal(widthOf('abc'), 3);
  t.equal(widthOf('\u001b[31mabc\u001b[39m'), 3);
  t.equal(widthOf('日本'), 4);
  t.equal(widthOf('e\u0301'), 1);
  t.equal(widthOf('👍'), 2);
  t.equal(widthOf('✓✔●'), 3);
});

t.test('history is kept for its owner alone', async (t) => {
  const { server, home, bob } = await scene(t);
  const chat = start(server, home, ['alice']);
  await chat.sees(/Whom/);
  chat.type('/who\r');
  await chat.sees('› /who');
  chat.type('\u0004');
  t.equal(await chat.code, 0);
  t.equal(readFileSync(join(home, `localhost_${server.server.port}`, 'alice', 'typed'), 'utf8'), '/who\n');
  await bob.leave();
});
