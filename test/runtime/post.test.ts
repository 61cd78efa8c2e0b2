import t from 'tap';
import type { Links } from '../../runtime/links.ts';
import type { Parcel } from '../../runtime/parcel.ts';
import type { Owner } from '../../runtime/ports.ts';
import { Post } from '../../runtime/post.ts';
import { act, list } from './ledger.ts';
import { Stage, type StageOptions } from './stage.ts';

type Sent = readonly [to: string, parcel: Parcel, only: string | undefined];

/** A node's post, with links that only write down what they are given. */
class Office extends Stage {
  readonly out: Sent[] = [];
  readonly post: Post;
  /** Partition 0, as this node sees it. */
  owner: Owner | undefined = { node: 'n1', incarnation: 'x' };
  isOpening = false;
  doubts = 0;
  readonly resent: string[] = [];
  /** The process of n2 that is heard from. */
  incarnation = 'n2-first';

  constructor(options: StageOptions = {}) {
    super({ behaviours: [list()], ...options });
    const links = {
      send: (to: string, parcel: Parcel, _bytes: number, only?: string) => {
        this.out.push([to, parcel, only]);
        return true;
      },
      incarnationOf: () => this.incarnation,
    };
    this.post = new Post({
      ports: this.ports,
      limits: this.limits,
      self: { node: 'n1', incarnation: 'x' },
      links: links as unknown as Links,
      partitionOf: (address) => this.partitionOf(address),
      ownerOf: () => this.owner,
      epochOf: () => 1,
      serving: (id) => this.open.get(id),
      opening: () => this.isOpening,
      doubtView: () => this.doubts++,
      freshView: async () => void this.doubts++,
      resend: (to) => this.resent.push(to),
    });
  }

  override release(outputs: Parameters<Stage['release']>[0]): void {
    super.release(outputs);
    this.post.release(outputs);
  }

  askFromAfar(number: number, add: string): void {
    this.post.parcel('n2', ['ask', number, 'list/a', act({ add }), 1]);
  }
}

t.test(
  'A7: asks that come while their partition is being opened are answered once it is, to the process that asked',
  async (t) => {
    const office = new Office();
    office.isOpening = true;
    office.askFromAfar(7, 'one');
    office.askFromAfar(8, 'two');
    await office.turns();
    t.strictSame(office.out, []);
    // Another process of n2 is heard meanwhile: the asks were not its own.
    office.incarnation = 'n2-second';
    office.isOpening = false;
    office.post.opened(office.add());
    await office.commitAll();
    t.strictSame(office.out, [
      ['n2', ['reply', 7, 1], 'n2-first'],
      ['n2', ['reply', 8, 2], 'n2-first'],
    ]);
  },
);

t.test('A7: asks for a partition that is not opened after all hear that it has moved', async (t) => {
  const office = new Office();
  office.isOpening = true;
  office.askFromAfar(7, 'one');
  office.isOpening = false;
  office.post.notOpened(0);
  t.strictSame(office.out, [['n2', ['refuse', 7, 'moved'], 'n2-first']]);
  office.post.opened(office.add());
  await office.commitAll();
  t.equal(office.out.length, 1, 'and they are not carried out later');
});

t.test('A9: what waits for a partition has a bound, and an ask beyond it is refused', async (t) => {
  const office = new Office({ limits: { mailbox_mails_max: 2 } });
  office.isOpening = true;
  for (const number of [1, 2, 3]) office.askFromAfar(number, 'w');
  t.strictSame(office.out, [['n2', ['refuse', 3, 'full'], 'n2-first']]);
  t.equal(office.post.whisper('list/a', undefined, act({})), 'full');
});

t.test(
  'A7: mail for what this node does not own is sent back in a word, and makes it look at the register',
  async (t) => {
    const office = new Office();
    office.owner = { node: 'n3', incarnation: 'z' };
    office.askFromAfar(7, 'one');
    office.post.parcel('n2', ['mail', 4, 0, []]);
    office.post.parcel('n2', ['whisper', 'list/a', null, act({}), 1]);
    t.strictSame(office.out, [], 'not before the register was looked at');
    await new Promise((resolve) => setImmediate(resolve));
    t.strictSame(office.out, [
      ['n2', ['refuse', 7, 'moved'], 'n2-first'],
      ['n2', ['stranger', 0], 'n2-first'],
    ]);
    t.equal(office.doubts, 1);
  },
);

t.test('A9: a node whose whispers were dropped at a bound hears when there is room again, once', async (t) => {
  const office = new Office({ limits: { partition_mails_max: 1 } });
  const partition = office.add(0, 1);
  const whisper = (word: string) => office.post.parcel('n2', ['whisper', 'list/a', null, act({ add: word }), 1]);
  for (const word of ['taken', 'dropped', 'dropped too']) whisper(word);
  office.post.tellShed();
  t.strictSame(office.out, [], 'not while it is at its bound');
  await office.commitAll();
  office.post.tellShed();
  office.post.tellShed();
  t.strictSame(office.out, [['n2', ['shed', 0], 'n2-first']]);
  t.strictSame(partition.overlay.range('list/a', 'words', {}), [['000001', 'taken']]);
});

t.test('A9: sockets whose frames may have been dropped elsewhere are introduced again', async (t) => {
  const office = new Office();
  const moved: string[] = [];
  office.post.outlets.open(
    0,
    () => {},
    () => void moved.push('again'),
  );
  office.post.parcel('n2', ['shed', 1]);
  t.strictSame(moved, []);
  office.post.parcel('n2', ['shed', 0]);
  t.strictSame(moved, ['again']);
});

t.test(
  '§5: what is for a later owner of a partition is not given to one that has not heard of its end yet',
  async (t) => {
    const office = new Office();
    const old = office.add(0, 1);
    office.post.parcel('n2', ['whisper', 'list/a', null, act({ add: 'x' }), 2]);
    t.equal(old.mailboxes.waiting, 0);
    office.open.delete(0);
    office.isOpening = true;
    await new Promise((resolve) => setImmediate(resolve));
    const next = office.add(0, 2);
    office.isOpening = false;
    office.post.opened(next);
    t.equal(next.mailboxes.waiting, 1);
    t.strictSame(office.out, []);
  },
);

t.test('A6: a node that missed something gets unsettled mail again', async (t) => {
  const office = new Office();
  let moved = 0;
  office.owner = { node: 'n2', incarnation: 'n2-first' };
  office.post.outlets.open(
    0,
    () => {},
    () => moved++,
  );
  office.post.parcel('n2', ['missed']);
  t.strictSame([office.resent, moved], [['n2'], 1]);
});

t.test('A1: replies and pushes are meant for one process', async (t) => {
  const office = new Office();
  const got: unknown[] = [];
  const { outlet } = office.post.outlets.open(
    0,
    (push) => got.push(push),
    () => {},
  );
  office.post.release([
    { kind: 'push', outlet, push: 'mine' },
    { kind: 'push', outlet: { ...outlet, incarnation: 'before' }, push: 'not mine' },
    { kind: 'push', outlet: { node: 'n2', incarnation: 'n2-first', id: 3 }, push: { close: 4_000, word: 'bye' } },
    { kind: 'reply', node: 'n2', incarnation: 'n2-first', ask: 9, value: 1 },
    { kind: 'refusal', node: 'n2', incarnation: 'n2-first', ask: 10, why: 'failed' },
  ]);
  t.strictSame(got, ['mine']);
  t.strictSame(office.out, [
    ['n2', ['push', 3, [4_000, 'bye']], 'n2-first'],
    ['n2', ['reply', 9, 1], 'n2-first'],
    ['n2', ['refuse', 10, 'failed'], 'n2-first'],
  ]);
  office.post.parcel('n2', ['push', outlet.id, [4_000, 'bye']]);
  t.strictSame(got, ['mine', { close: 4_000, word: 'bye' }]);
});

t.test('§5: a holder of an outlet that throws harms nobody', async (t) => {
  const office = new Office();
  const thrower = () => {
    throw new Error('made up');
  };
  const { outlet } = office.post.outlets.open(0, thrower, thrower);
  let moved = 0;
  office.post.outlets.open(
    0,
    () => {},
    () => moved++,
  );
  office.post.release([{ kind: 'push', outlet, push: 'x' }]);
  office.post.outlets.moved(() => true);
  t.equal(moved, 1);
  t.equal(office.errors.length, 2);
});

t.test('signals go to whoever listens in this process, who may not take the engine down', async (t) => {
  const office = new Office();
  const partition = office.add();
  const heard: unknown[] = [];
  const signal = async (value: unknown): Promise<void> => {
    office.ask(partition, 'list/a', act({ signal: ['bell', value] }));
    await office.turns();
  };
  await signal('nobody');
  const stop = office.post.signals.on('bell', (from, value) => {
    heard.push([from, value]);
    throw new Error('from the listener');
  });
  t.throws(() => office.post.signals.on('bell', () => {}), TypeError);
  await signal('once');
  await signal('again');
  stop();
  await signal('after');
  t.strictSame(heard, [
    ['list/a', 'once'],
    ['list/a', 'again'],
  ]);
});
