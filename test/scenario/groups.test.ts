import t from 'tap';
import { runChat } from '../../client/chat/index.ts';
import type { AmendedEvent, GroupId, RingpostClient } from '../../client/index.ts';
import { pipeIo } from '../client/virtual-terminal.ts';
import { type ClusterUnderTest, pause, startCluster, until } from './cluster.ts';

/** What one member was told of a group, with what it was answered, in the group's order. */
class Diary {
  readonly entries: { readonly seq: number; readonly words: string }[] = [];
  readonly receipts: { readonly delivered: number; readonly read: number }[] = [];
  readonly declined: string[] = [];
  readonly typing: string[] = [];

  constructor(client: RingpostClient, reads = false) {
    client.on('message', (message) => {
      this.#note(message.seq, `${message.from}: ${message.body}`);
      if (reads && message.from !== client.user) client.read(message.to, message.seq);
    });
    client.on('group', ({ seq, change }) => {
      this.#note(seq, 'users' in change ? `${change.what} ${[...change.users].sort().join(' ')}` : change.what);
    });
    client.on('receipt', ({ delivered, read }) => void this.receipts.push({ delivered, read }));
    client.on('declined', ({ user, code }) => void this.declined.push(`${user}: ${code}`));
    client.on('typing', ({ from, in: group = '' }) => void this.typing.push(`${from} in ${group}`));
  }

  get words(): string[] {
    return this.entries.map(({ words }) => words);
  }

  #note(seq: number, words: string): void {
    this.entries.push({ seq, words });
  }
}

interface Member {
  readonly client: RingpostClient;
  readonly diary: Diary;
  /** What it sent, by the number that it got. */
  readonly sent: Map<number, string>;
}

async function members(cluster: ClusterUnderTest, ...names: readonly string[]): Promise<Map<string, Member>> {
  const all = new Map<string, Member>();
  for (const name of names) {
    const client = await cluster.client(name);
    all.set(name, { client, diary: new Diary(client, name.startsWith('reader')), sent: new Map() });
    await client.connect();
  }
  return all;
}

/** Told amendments in their order. What an edit said is not compared where the message was taken back later: who hears of it afterwards gets it empty (AMD3). */
function amendments(told: readonly AmendedEvent[] | undefined): string[] {
  const gone = new Set(told?.filter(({ deed }) => deed.what === 'retract').map(({ of }) => of.seq));
  return (told ?? []).map(({ of, deed }) => `${of.seq} ${gone.has(of.seq) ? deed.what : JSON.stringify(deed)}`);
}

function say(member: Member, group: GroupId, body: string): Promise<void> {
  const { client, sent } = member;
  return client.send(group, body).accepted.then(({ seq }) => void sent.set(seq, `${client.user}: ${body}`));
}

/** All that a member knows of: what it was told, and what it was answered. */
function known({ diary, sent }: Member): string[] {
  const entries = [...diary.entries, ...Array.from(sent, ([seq, words]) => ({ seq, words }))];
  return entries.sort((one, other) => one.seq - other.seq).map(({ words }) => words);
}

t.setTimeout(170_000);
t.test('three nodes, three nats-servers', async (t) => {
  const cluster: ClusterUnderTest = await startCluster();
  t.teardown(() => cluster.stop());

  t.test('GRP: the whole life of a group', async (t) => {
    const all = await members(cluster, 'ann', 'reader-bob', 'reader-cleo', 'dan');
    const [ann, bob, cleo, dan] = [...all.values()] as [Member, Member, Member, Member];
    const { groups } = ann.client;
    const group = await groups.create('Climbing', ['reader-bob', 'reader-cleo', 'nobody-at-all'], 'On Sundays');
    const came = ({ diary }: Member): boolean => diary.entries.length > 0;
    await until('they come', () => came(bob) && came(cleo) && ann.diary.declined.length > 0);
    t.same(ann.diary.declined, ['nobody-at-all: unknown_user']);
    await say(ann, group, 'Who comes?');
    const [seq = 0] = [...ann.sent.keys()];
    await until('all have read it', () => ann.diary.receipts.some(({ read }) => read >= seq));
    for (const { delivered, read } of ann.diary.receipts) t.ok(read <= delivered, 'A11');
    const reached = await groups.reached(group, seq);
    t.match(reached, { count: 2, delivered: 2, read: 2, list: [{ user: 'reader-bob' }, { user: 'reader-cleo' }] });

    bob.client.typing(group, true);
    await until('typing is seen', () => cleo.diary.typing.includes(`reader-bob in ${group}`));
    const invitation = await groups.invite(group, { uses: 1 });
    t.equal(await dan.client.groups.join(invitation), group);
    await t.rejects(dan.client.groups.join(invitation), { code: 'unknown_link' });
    await t.rejects(bob.client.groups.retitle(group, 'Mine'), { code: 'not_an_admin' });
    await groups.retitle(group, 'Climbing, seriously');
    await say(dan, group, 'Hello');
    await groups.remove(group, ['reader-cleo']);
    await say(bob, group, 'A pity');
    await until('dan has it', () => dan.diary.words.includes('reader-bob: A pity'));
    t.same(dan.diary.words, ['titled', 'removed reader-cleo', 'reader-bob: A pity']);
    t.same(cleo.diary.words.slice(-2), ['dan: Hello', 'removed reader-cleo'], 'A12');
    await t.rejects(say(cleo, group, 'But why?'), { code: 'not_a_member' });

    const { title, count, list } = await bob.client.groups.members(group);
    t.same([title, count, list.map(({ user }) => user)], ['Climbing, seriously', 3, ['ann', 'dan', 'reader-bob']]);
    const page = await bob.client.history(group);
    t.same(
      page.messages.map(({ body }) => body),
      ['A pity', 'Hello', 'Who comes?'],
    );
    await dan.client.groups.leave(group);
    await t.rejects(dan.client.history(group), { code: 'not_a_member' });
  });

  t.test('GRP: a chat in the terminal makes a group, and another one comes by invitation', async (t) => {
    const home = t.testdir();
    const talk = (user: string) => {
      const io = pipeIo({ RINGPOST_HOME: home, RINGPOST_URL: cluster.urls.join(',') });
      const code = runChat([user], io);
      const sees = (line: RegExp) => until(String(line), () => io.stdout.lines.some((text) => line.test(text)));
      const says = (line: string) => void io.stdin.type(`${line}\n`);
      return { io, sees, says, code };
    };
    const [gil, hal] = [talk('gil'), talk('hal')];
    await Promise.all([gil.sees(/new here/), hal.sees(/new here/)]);
    gil.says('/group Sailing');
    await gil.sees(/You are writing to #Sailing/);
    gil.says('/invite');
    await gil.sees(/^\/join #/);
    hal.says(gil.io.stdout.lines.find((line) => line.startsWith('/join'))!);
    await hal.sees(/You are writing to #Sailing/);
    hal.says('ahoy');
    await gil.sees(/^hal in #Sailing: ahoy$/);
    await hal.sees(/^✓✓ read by #Sailing: ahoy$/);
    hal.says('/edit ahoy there');
    await gil.sees(/^\* #Sailing: hal changed a message: ahoy there$/);
    gil.says('/react 👍');
    await hal.sees(/^\* #Sailing: gil reacted 👍 to a message of hal$/);
    hal.says('/history');
    await hal.sees(/read by #Sailing: ahoy there \(edited\) 👍$/);
    hal.says('/unsend');
    await gil.sees(/^\* #Sailing: hal took back a message$/);
    gil.says('/history');
    await gil.sees(/^hal in #Sailing: \(taken back\)$/);
    gil.says('/vanish 7d');
    await hal.sees(/^\* #Sailing: messages vanish after 7d$/);
    hal.says('/members');
    await hal.sees(/^gil {2}owner$/);
    gil.says('@hal, and @nobody: when?');
    await hal.sees(/^gil in #Sailing: \[for you\] @hal, and @nobody: when\?$/);
    hal.says('/reply Sunday');
    await gil.sees(/^hal in #Sailing: \[to gil: @hal, and @nobody: when\?\] Sunday$/);
    gil.says('/describe On Sundays');
    await hal.sees(/gil described the group: On Sundays$/);
    hal.says('/add nobody-there');
    await until('it is refused', () => /Only admins/.test(hal.io.stderr.text));
    gil.says('/announce on');
    await hal.sees(/only admins may write now$/);
    gil.says('/admin hal');
    await hal.sees(/hal is an admin$/);
    gil.says('/unadmin hal');
    await hal.sees(/hal is no admin any more$/);
    gil.says('/remove hal');
    await hal.sees(/gil removed hal/);
    for (const { io, code } of [gil, hal]) {
      io.stdin.end();
      await code;
    }
  });

  t.test('AMD: what is said to a message while nodes are killed is the same for everybody', async (t) => {
    const all = await members(cluster, 'eve', 'finn', 'gus');
    const [eve, finn, gus] = [...all.values()] as [Member, Member, Member];
    const group = await eve.client.groups.create('Words', ['finn', 'gus']);
    await until('all have come', () => gus.diary.entries.length > 0 && finn.diary.entries.length > 0);
    const told = new Map([finn, gus].map(({ client }) => [client.user, [] as AmendedEvent[]]));
    for (const { client } of [finn, gus]) {
      client.on('amended', (event) => {
        if (event.with === group) told.get(client.user)?.push(event);
      });
    }
    const { messages } = eve.client;
    const deeds: Promise<unknown>[] = [];
    const sayAndAmend = async (to: string, n: number): Promise<void> => {
      const { seq } = await eve.client.send(to, `first ${n}`).accepted;
      const message = { from: 'eve', to, seq };
      await messages.edit(message, `second ${n}`);
      await (n % 3 === 0 ? messages.retract(message) : messages.react(message, n % 3 === 1 ? '👍' : '🎉'));
    };
    for (const [i, victim] of cluster.nodes.entries()) {
      for (let n = i * 20; n < i * 20 + 20; n++) deeds.push(sayAndAmend(group, n), sayAndAmend('finn', n));
      await pause(50);
      await victim.signal('SIGKILL');
      await pause(2_500);
      await victim.start();
    }
    await Promise.all(deeds);
    await until('all are told', () => [...told.values()].every((words) => words.length === 120), 30_000);
    t.same(amendments(told.get('finn')), amendments(told.get('gus')), 'A6');
    const late = await cluster.client('finn', { device: 'late' });
    await late.connect();
    for (const [other, from] of [[group, eve.client] as const, ['eve', late] as const, ['finn', eve.client] as const]) {
      const page = await from.history(other, { limit: 100 });
      t.equal(page.messages.length, 60);
      const seen = page.messages.map(({ body, edited, retracted, reactions }) => {
        return `${body}, ${edited > 0}, ${retracted > 0}, ${reactions.map(({ text }) => text).join()}`;
      });
      const expected = Array.from({ length: 60 }, (_, n) =>
        n % 3 === 0 ? ', false, true, ' : `second ${n}, true, false, ${n % 3 === 1 ? '👍' : '🎉'}`,
      );
      t.same(seen.sort(), expected.sort(), other);
    }
  });

  t.test('VAN: messages vanish in time on every device, whoever owns them by then', async (t) => {
    const all = await members(cluster, 'ida', 'jon');
    const [ida, jon] = [...all.values()] as [Member, Member];
    const gone = new Map([ida, jon].map(({ client }) => [client.user, [] as string[]]));
    for (const { client } of [ida, jon]) {
      client.on('vanished', ({ with: other, list }) => {
        for (const { from, seq } of list) gone.get(client.user)?.push(`${other[0]}${from}${seq}`);
      });
    }
    jon.client.on('message', ({ from, to, seq }) => jon.client.read(to === 'jon' ? from : to, seq));
    const group = await ida.client.groups.create('Secrets', ['jon']);
    await until('jon is there', () => jon.diary.entries.length > 0);
    await ida.client.messages.vanishAfter('jon', 8_000);
    await ida.client.messages.vanishAfter(group, 8_000);
    for (let n = 0; n < 5; n++) {
      await ida.client.send('jon', `secret ${n}`).accepted;
      await ida.client.send(group, `secret ${n}`).accepted;
    }
    await cluster.killEach(cluster.nodes.slice(0, 2));
    await until('all is gone', () => [...gone.values()].every((list) => list.length === 10), 30_000);
    t.same(
      gone
        .get('ida')
        ?.map((name) => name.slice(1))
        .sort(),
      gone
        .get('jon')
        ?.map((name) => name.slice(1))
        .sort(),
    );
    for (const name of ['ida', 'jon']) {
      const late = await cluster.client(name, { device: 'late' });
      const seen: string[] = [];
      late.on('message', ({ body }) => void seen.push(body));
      late.on('expired', ({ seq }) => void seen.push(`expired ${seq}`));
      await late.connect();
      await until('it has caught up', () => seen.length >= 10 && late.cursor >= late.head);
      t.ok(
        seen.every((words) => words.startsWith('expired')),
        name,
      );
      t.same((await late.history(group)).messages, []);
    }
  });

  t.test('A1, A6, A12: while nodes are killed, every member gets all of it, once and in one order', async (t) => {
    const names = Array.from({ length: 12 }, (_, i) => `member-${i}`);
    const all = [...(await members(cluster, ...names)).values()];
    const [owner] = all as [Member];
    const group = await owner.client.groups.create('Crowd', names.slice(1));
    await until('all have come', () => all.slice(1).every(({ diary }) => diary.entries.length > 0));
    let going = true;
    const talking = all.slice(0, 4).map(async (member) => {
      for (let n = 0; going; n++) {
        await say(member, group, String(n));
        await pause(10);
      }
    });
    await cluster.killEach();
    going = false;
    await Promise.all(talking);
    const said = all.reduce((sum, { sent }) => sum + sent.size, 0);
    // Members come as they answer, at once or one after another, before anything is said.
    const heard = (member: Member): string[] => known(member).filter((words) => !words.startsWith('added '));
    await until('all have all', () => all.every((member) => heard(member).length >= said), 30_000);
    const [first, ...others] = all.map(heard);
    t.ok(said > 100, `${said} messages`);
    t.equal(new Set(first).size, said, 'each once');
    for (const other of others) t.same(other, first);
  });
});
