import t from 'tap';
import { runChat } from '../../client/chat/index.ts';
import type { MessageState } from '../../client/index.ts';
import { pipeIo } from '../client/virtual-terminal.ts';
import { signIn, startAlone, until } from './cluster.ts';

t.setTimeout(90_000);

async function all(messages: AsyncIterable<MessageState>): Promise<string[]> {
  const bodies: string[] = [];
  for await (const { body } of messages) bodies.push(body);
  return bodies;
}

t.test('messages are found again, by the SDK and in the terminal', async (t) => {
  const { server, url } = await startAlone(t);

  t.test('SRC: over more rows than one turn reads, and after a kill', async (t) => {
    const alice = await signIn('alice', 'phone', { url });
    const bob = await signIn('bob', 'phone', { url });
    t.teardown(() => Promise.all([alice.close(), bob.close()]));
    let came = 0;
    bob.on('message', () => void came++);
    await Promise.all([alice.connect(), bob.connect()]);
    let isThere = false;
    bob.on('group', () => {
      isThere = true;
    });
    const group = await alice.groups.create('Climbing', ['bob']);
    await until('bob is a member', () => isThere);
    await alice.send(group, 'Kletterschuhe nicht vergessen, Jürgen').accepted;
    const sent = Array.from({ length: 1_200 }, (_, i) =>
      alice.send('bob', `message ${i % 400 === 0 ? 'jurgen' : 'x'} ${i}`),
    );
    await Promise.all(sent.map(({ accepted }) => accepted));
    const expected = ['message jurgen 800', 'message jurgen 400', 'message jurgen 0'];
    t.same(await all(alice.search({ words: 'JÜRGEN' })), [...expected, 'Kletterschuhe nicht vergessen, Jürgen']);
    await server.signal('SIGKILL');
    await server.start();
    await until('bob has all', () => came === 1_201);
    t.same(await all(bob.search({ words: 'jürg', with: 'alice' })), expected);
    t.same(await all(bob.search({ words: 'jürg', with: group })), ['Kletterschuhe nicht vergessen, Jürgen']);
    t.same(await all(bob.search({ words: 'jürg', from: 'bob' })), []);
    t.same(await all(bob.search({ before: 1 })), []);
  });

  t.test('SRC: /search in the terminal', async (t) => {
    const home = t.testdir();
    const talk = (user: string, ...more: readonly string[]) => {
      const io = pipeIo({ RINGPOST_HOME: home, RINGPOST_URL: url });
      const code = runChat([user, ...more], io);
      const sees = (line: RegExp) =>
        until(String(line), () => [...io.stdout.lines, ...io.stderr.text.split('\n')].some((text) => line.test(text)));
      return { io, code, sees, says: (line: string) => void io.stdin.type(`${line}\n`) };
    };
    const fay = talk('fay');
    await fay.sees(/new here/);
    const eve = talk('eve', '--to', 'fay');
    await eve.sees(/new here/);
    eve.says('Where is the café?');
    eve.says('By the river.');
    await fay.sees(/By the river/);
    fay.says('/search cafe from:eve');
    await fay.sees(/eve to fay: Where is the café\?/);
    fay.says('/search');
    await fay.sees(/What for\?/);
    for (const [line, answer] of [
      ['/star', /Starred: By the river/],
      ['/starred', /eve to fay: By the river\./],
      ['/pin', /Pinned for everybody here: By the river/],
    ] as const) {
      fay.says(line);
      await fay.sees(answer);
    }
    await eve.sees(/fay pinned a message of eve/);
    eve.says('/pinned');
    await eve.sees(/eve to fay: By the river\./);
    eve.says('/pin off');
    await eve.sees(/Not pinned any more: By the river/);
    await fay.sees(/eve unpinned a message/);
    fay.says('/pinned');
    await fay.sees(/Nothing is pinned here/);
    fay.says('/search zebra since:2020-01-31');
    await fay.sees(/Nothing found/);
    for (const { io } of [fay, eve]) io.stdin.end();
    t.same(await Promise.all([fay.code, eve.code]), [0, 0]);
  });
});
