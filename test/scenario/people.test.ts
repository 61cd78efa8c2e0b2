import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runChat } from '../../client/chat/index.ts';
import { type ExportLine, RingpostClient } from '../../client/index.ts';
import { pipeIo } from '../client/virtual-terminal.ts';
import { type ClusterUnderTest, startCluster, until } from './cluster.ts';
import { Collector } from './collector.ts';
import { followed } from './traces.ts';

t.setTimeout(170_000);
t.test('three nodes, three nats-servers', async (t) => {
  const collector = new Collector();
  await collector.start();
  const everything = ['--traces', collector.url, '--trace-share', '1'];
  const cluster: ClusterUnderTest = await startCluster(3, [], async () => everything);
  t.teardown(() => cluster.stop());
  t.teardown(() => collector.stop());
  const connected = async (name: string, device?: string): Promise<RingpostClient> => {
    const client = await cluster.client(name, device === undefined ? {} : { device });
    await client.connect();
    return client;
  };

  await t.test('TRC: one message is one trace, from the application to the push and back, over two nodes', (t) =>
    followed(t, (user, options) => cluster.client(user, options), collector),
  );
  // From here on nobody takes the traces of all that follows, and nobody notices.
  collector.stop();

  t.test('PPL1 to PPL8: profiles, and how people are found', async (t) => {
    const [ann, bob, cleo] = await Promise.all(['ann', 'bob', 'cleo'].map((name) => connected(name)));
    if (ann === undefined || bob === undefined || cleo === undefined) throw new Error('nobody');
    const mine = { name: 'Ann', about: 'Climbing', email: 'ann@example.org', phone: '+49 170 1234567' };
    await ann.people.setProfile(mine);
    t.match(await bob.people.profiles(['ann', 'cleo', 'no-such']), [
      { user: 'ann', state: 'here', name: 'Ann', about: 'Climbing', email: '', phone: '' },
      { user: 'cleo', state: 'here', name: '' },
      { user: 'no-such', state: 'here', name: '' },
    ]);
    t.same(await bob.people.find('email', mine.email), []);
    await ann.people.setPrivacy({ found: 'everyone', phone: 'everyone' });
    // Of a claim its directory hears by durable mail, which may take a moment longer than the answer.
    let found: readonly { readonly user: string; readonly phone: string }[] = [];
    for (let tries = 0; found.length === 0 && tries < 20; tries++) {
      found = await bob.people.find('email', 'ANN@example.org');
    }
    t.match(found, [{ user: 'ann', phone: mine.phone }]);
    await ann.people.block('cleo');
    t.same(await cleo.people.find('user', 'ann'), []);
    t.match(await cleo.people.profiles(['ann']), [{ user: 'ann', name: '', about: '' }]);
    await Promise.all([ann, bob, cleo].map((client) => client.close()));
  });

  t.test('ACC15: a change of the password logs the other devices out', async (t) => {
    const phone = await connected('eve');
    const tablet = await connected('eve', 'tablet');
    const states: string[] = [];
    tablet.on('state', ({ state, error }) => void states.push(`${state} ${error?.code ?? ''}`));
    await t.rejects(phone.account.changePassword('not the password', 'another password'), { code: 'wrong_password' });
    await phone.account.changePassword('password of eve', 'another password');
    await until('the tablet is out', () => states.includes('closed revoked'));
    t.match(await phone.account.devices(), [{ device: phone.device }]);
    const login = (password: string) => {
      return RingpostClient.login({ url: cluster.urls[0]!, user: 'eve', password, device: 'tablet' });
    };
    await t.rejects(login('password of eve'), { code: 'bad_login' });
    t.equal((await login('another password')).user, 'eve');
    t.equal(phone.state, 'online');
    await phone.close();
  });

  t.test('PPL11 to PPL15: reports, exports, and the end of an account', async (t) => {
    const [fay, gus] = [await connected('fay'), await connected('gus')];
    const gone: string[] = [];
    gus.on('gone', ({ user }) => void gone.push(user));
    for (let i = 0; i < 300; i++) fay.send('gus', `fay ${i}`);
    await gus.send('fay', 'gus').accepted;
    const group = await fay.groups.create('Both', ['gus']);
    await fay.send(group, 'to both').accepted;
    await until('gus has all', () => gus.cursor >= 302);
    const [message] = (await gus.history('fay', { limit: 1 })).messages;
    t.match(await gus.people.report('fay', 'spam', { text: 'so much', message: message! }), { seq: 0 });
    await t.rejects(gus.people.report('fay', 'spam', { message: { ...message!, seq: 999 } }), {
      code: 'unknown_message',
    });

    const lines: ExportLine[] = [];
    for await (const line of fay.account.export()) lines.push(line);
    const bodies = lines.filter(({ part }) => part === 'message').map(({ body }) => body);
    t.equal(bodies.length, 302);
    t.equal(new Set(bodies).size, 302);
    t.match(
      lines.find(({ part }) => part === 'account'),
      { user: 'fay' },
    );
    t.match(
      lines.filter(({ part }) => part === 'group'),
      [{ group, title: 'Both' }],
    );
    await fay.account.deactivate();
    await until('gus hears of it', () => gone.includes('fay'));
    t.match(await gus.people.profiles(['fay']), [{ user: 'fay', state: 'gone' }]);
    const late = gus.send('fay', 'still there?');
    await late.accepted;
    let failed = '';
    for (let tries = 0; failed === '' && tries < 50; tries++) failed = (await gus.inquire(late.id)).failed;
    t.equal(failed, 'deactivated');
    await gus.close();
  });

  t.test('PPL: people in the terminal', async (t) => {
    const home = t.testdir();
    const io = pipeIo({ RINGPOST_HOME: home, RINGPOST_URL: cluster.urls.join(',') });
    const code = runChat(['hal'], io);
    t.teardown(() => io.stdin.end());
    const told = () => [...io.stdout.lines, ...io.stderr.lines];
    const sees = (line: RegExp) => until(String(line), () => told().some((text) => line.test(text)));
    const says = (line: string) => void io.stdin.type(`${line}\n`);
    await sees(/new here/);
    says('/set email hal@example.org');
    await sees(/Your email is: hal@example\.org/);
    says('/set name Hal 9000');
    await sees(/Your name is: Hal 9000/);
    says('/profile');
    await sees(/^email +hal@example\.org/);
    says('/findable everyone');
    await sees(/You are found by email and phone/);
    says('/find no@body');
    await sees(/Nobody is found by that/);
    says('/find hal');
    await sees(/^name +Hal 9000/);
    says('/report bob boring');
    await sees(/Whom, and why\?/);
    says('/report bob spam he knows why');
    await sees(/Reported\. bob is not told/);
    const file = join(home, 'mine.jsonl');
    says(`/export ${file}`);
    await sees(/lines are in/);
    t.match(readFileSync(file, 'utf8'), /"part":"profile","name":"Hal 9000"/);
    says(`/export ${file}`);
    await sees(/can't be written/);
    says('/quit');
    t.equal(await code, 0);
  });
});
