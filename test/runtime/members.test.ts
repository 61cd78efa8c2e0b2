import t from 'tap';
import { type Heartbeat, Members } from '../../runtime/members.ts';

function heartbeat(node: string, incarnation = 'i1', more: Partial<Heartbeat> = {}): Heartbeat {
  const quiet = { role: 'owner', notice: '', leaving: false, fitness: 'fit', view: 1, format: 1, owns: 0 } as const;
  return { node, incarnation, ...quiet, copies: [], sent: {}, ...more };
}

/** Looks often enough that the looker itself is never taken for paused. */
function lookUntil(members: Members, fromMs: number, toMs: number): string[] {
  const silent: string[] = [];
  for (let ms = fromMs; ms <= toMs; ms += 100) for (const { node } of members.look(ms)) silent.push(`${node}@${ms}`);
  return silent;
}

t.test('§5: a node is alive while it is heard, and suspected after the silence that the limit says', async (t) => {
  const members = new Members(1_000);
  t.ok(members.heard(heartbeat('a'), 0), 'news');
  t.notOk(members.heard(heartbeat('a'), 900), 'no news');
  t.strictSame(lookUntil(members, 0, 1_800), []);
  t.strictSame(lookUntil(members, 1_900, 2_500), ['a@1900']);
  t.equal(members.get('a'), undefined);
  t.ok(members.heard(heartbeat('a'), 2_600), 'it is news when it comes back');
});

t.test('§5: a restarted process, and one that is about to leave, are news', async (t) => {
  const members = new Members(1_000);
  members.heard(heartbeat('a'), 0);
  t.ok(members.heard(heartbeat('a', 'i2'), 10));
  t.equal(members.get('a')?.incarnation, 'i2');
  t.ok(members.heard(heartbeat('a', 'i2', { leaving: true }), 20));
  t.notOk(members.heard(heartbeat('a', 'i2', { leaving: true, view: 5 }), 30));
  t.equal(members.get('a')?.view, 5, 'what it says is kept all the same');
});

t.test('§5: how long a node has been alive counts from when it was first heard, or heard again', async (t) => {
  const members = new Members(1_000);
  members.heard(heartbeat('a'), 100);
  members.heard(heartbeat('a'), 600);
  t.equal(members.aliveMs('a', 700), 600);
  members.heard(heartbeat('a', 'i2'), 800);
  t.equal(members.aliveMs('a', 900), 100);
  t.equal(members.aliveMs('nobody', 900), 0);
});

t.test('A7: a process that was paused suspects nobody for its own silence', async (t) => {
  const members = new Members(1_000);
  members.heard(heartbeat('a'), 0);
  members.heard(heartbeat('b'), 0);
  members.look(100);
  t.strictSame(members.look(30_000), []);
  members.heard(heartbeat('a'), 30_100);
  t.strictSame(lookUntil(members, 30_100, 31_050), ['b@31000'], 'who stays silent from then on is suspected in time');
});

t.test('§5: who says goodbye is gone', async (t) => {
  const members = new Members(1_000);
  members.heard(heartbeat('a'), 0);
  members.heard(heartbeat('b'), 0);
  members.forget('a');
  t.strictSame(
    members.all().map(({ node }) => node),
    ['b'],
  );
});
