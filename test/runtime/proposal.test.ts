import t from 'tap';
import { Candidates, type CandidatesHost } from '../../runtime/candidates.ts';
import { type Fitness, type Heartbeat, Members } from '../../runtime/members.ts';
import { type Candidate, Proposal } from '../../runtime/proposal.ts';
import { Ring } from '../../runtime/ring.ts';
import { Stage } from './stage.ts';

const partitions = 32;
const all = Array.from({ length: partitions }, (_, id) => id);

function candidate(node: string, copies: readonly (readonly [number, number])[] = [], format = 1): Candidate {
  return { node, incarnation: 'i1', format, copies: new Map(copies) };
}

function proposal(...candidates: readonly Candidate[]): Proposal {
  const ring = new Ring(candidates.map(({ node }) => node).sort());
  return new Proposal(candidates, ring, ring.assign(partitions));
}

t.test('§5: the most caught-up copy is the successor, whatever the ring wishes', async (t) => {
  for (const id of all) {
    const one = proposal(candidate('a', [[id, 10]]), candidate('b', [[id, 12]]), candidate('c'));
    t.equal(one.successor(id, 1)?.node, 'b');
  }
});

t.test('§5: among equal copies, and where there is none, it is the ring’s wish', async (t) => {
  for (const copies of [[], [[5, 7]]] as const) {
    const one = proposal(candidate('a', copies), candidate('b', copies), candidate('c', copies));
    t.equal(one.successor(5, 1)?.node, one.wanted(5));
  }
  for (const id of all) {
    const one = proposal(candidate('a'), candidate('b'), candidate('c'));
    t.equal(one.successor(id, 1)?.node, one.wanted(id));
  }
});

t.test('§5: a copy of nothing is better than none, for its node was to have one', async (t) => {
  for (const id of all) t.equal(proposal(candidate('a'), candidate('b', [[id, 0]])).successor(id, 1)?.node, 'b');
});

t.test('§5: nodes that know the same agree, in whatever order they have heard of each other', async (t) => {
  const [a, b, c] = [candidate('a', [[1, 4]]), candidate('b', [[1, 4]]), candidate('c', [[2, 9]])];
  const orders = [proposal(a, b, c), proposal(c, b, a), proposal(b, a, c)];
  for (const id of all) {
    t.equal(new Set(orders.map((one) => one.successor(id, 1)?.node)).size, 1);
    t.equal(new Set(orders.map((one) => one.standbys(id, 'a', 1).join())).size, 1);
  }
});

t.test('§5: if one knows that it lags behind another, that one does not think the same of it', async (t) => {
  // What a node knows of itself is of now; what it knows of others is a heartbeat old.
  for (const [now, then] of [
    [5, 3],
    [5, 5],
  ] as const) {
    const seenByA = proposal(candidate('a', [[1, 5]]), candidate('b', [[1, then]]));
    const seenByB = proposal(candidate('a', [[1, then]]), candidate('b', [[1, now]]));
    const claims = [seenByA.successor(1, 1)?.node === 'a', seenByB.successor(1, 1)?.node === 'b'];
    t.ok(claims.includes(true), 'somebody claims');
  }
});

t.test('§5: who does not read the format is no successor', async (t) => {
  const one = proposal(candidate('a', [[1, 90]], 1), candidate('b', [], 2));
  t.equal(one.successor(1, 1)?.node, 'a');
  t.equal(one.successor(1, 2)?.node, 'b');
  t.equal(one.successor(1, 3), undefined);
});

t.test('§5: standbys are the next nodes on the ring, and the one that should own it', async (t) => {
  const one = proposal(candidate('a'), candidate('b'), candidate('c'), candidate('d'));
  const ring = new Ring(['a', 'b', 'c', 'd']);
  for (const id of all) {
    for (const owner of ['a', 'b', 'c', 'd', 'gone', undefined]) {
      for (const count of [0, 1, 2, 3]) {
        const standbys = one.standbys(id, owner, count);
        const wanted = one.wanted(id);
        const next = ring.successors(id, 4).filter((node) => node !== owner);
        t.strictSame(standbys.slice(0, count), next.slice(0, count));
        t.equal(standbys.includes(wanted ?? ''), wanted !== owner);
        t.ok(standbys.length <= count + 1);
        t.equal(new Set([owner, ...standbys]).size, standbys.length + 1, 'none twice, and not the owner');
      }
    }
  }
  t.strictSame(proposal(candidate('a')).standbys(1, 'a', 2), []);
});

t.test('§5: where nobody may own anything there is no successor', async (t) => {
  const none = proposal();
  t.ok(none.isEmpty);
  t.equal(none.wanted(0), undefined);
  t.equal(none.successor(0, 1), undefined);
  t.equal(none.candidate('a'), undefined);
});

/** A node and what others say of themselves. */
class Seen implements CandidatesHost {
  readonly stage = new Stage();
  readonly ports = this.stage.ports;
  readonly limits = this.stage.limits;
  readonly members = new Members(1_000);
  readonly self = { node: 'self', incarnation: 'i' };
  readonly partitions = partitions;
  readonly format = 4;
  /** Where an operator wants them; the register says that nodes of this format have owned them. */
  readonly pins = new Map<number, string>();
  written = 1;
  readonly ownership = { pinOf: (id: number) => this.pins.get(id) ?? '', formatOf: () => this.written };
  mine: Fitness = 'fit';
  readonly candidates = new Candidates(this);

  copies(): ReadonlyMap<number, number> {
    return new Map([[1, 11]]);
  }

  fitness(): Fitness {
    return this.mine;
  }

  hears(node: string, more: Partial<Heartbeat> = {}): void {
    const quiet = { role: 'owner', notice: '', leaving: false, fitness: 'fit', view: 1, format: 1, owns: 0 } as const;
    this.members.heard({ node, incarnation: 'i', ...quiet, copies: [], sent: {}, ...more }, 0);
  }

  names(leaving = false): string {
    const one = this.candidates.proposal(leaving);
    return ['self', 'a', 'b', 'c'].filter((node) => one.candidate(node) !== undefined).join(' ');
  }
}

t.test('§5: candidates are owners that stay, with what they say of their copies', async (t) => {
  const seen = new Seen();
  seen.hears('a', { format: 2, copies: [[3, 7, 99]] });
  seen.hears('b', { leaving: true });
  seen.hears('c', { role: 'guest' });
  t.equal(seen.names(), 'self a');
  t.match(seen.candidates.proposal(false).candidate('a'), { format: 2, copies: new Map([[3, 7]]) });
  t.match(seen.candidates.proposal(false).candidate('self'), { format: 4, copies: new Map([[1, 11]]) });
  t.equal(seen.names(true), 'a', 'not itself, while it leaves');
});

t.test('§5: an operator’s pin comes before the ring, while its node may own the partition', async (t) => {
  const seen = new Seen();
  const wanted = (id: number): string | undefined => seen.candidates.proposal(false).wanted(id);
  seen.hears('a', { format: 4 });
  seen.hears('b', { format: 2 });
  const ring = all.map(wanted);
  const at = (node: string): number => ring.indexOf(node);
  const [fromA, fromB] = [at('a'), at('b')];
  seen.pins.set(fromA, 'b').set(fromB, 'self');
  const pinned = ring.map((node, id) => (id === fromA ? 'b' : id === fromB ? 'self' : node));
  t.strictSame(all.map(wanted), pinned, 'and no other');
  const standbys = (id: number): readonly string[] => seen.candidates.proposal(false).standbys(id, ring[id], 0);
  t.strictSame(standbys(fromA), ['b'], 'it is to have a copy');
  seen.written = 3;
  t.equal(wanted(fromA), 'a', 'not one that does not read the format');
  t.equal(wanted(fromB), 'self');
  seen.written = 2;
  t.equal(wanted(fromA), 'b');
  for (const why of [{ leaving: true }, { role: 'guest' }] as const) {
    seen.hears('b', { format: 2, ...why });
    t.not(wanted(fromA), 'b');
  }
  seen.members.forget('b');
  t.not(wanted(fromA), 'b', 'nor one that is gone');
  seen.hears('b', { format: 2 });
  t.strictSame(all.map(wanted), pinned, 'it is back, and the pin holds again');
});

t.test('§5: a node whose store takes nothing is no candidate, once all know, unless there is no other', async (t) => {
  const seen = new Seen();
  const { time } = seen.stage;
  seen.hears('a', { fitness: 'no store' });
  seen.hears('b');
  t.equal(seen.names(), 'self a b');
  await time.pass(499);
  t.equal(seen.names(), 'self a b', 'the others may be about to say the same');
  await time.pass(1);
  t.equal(seen.names(), 'self b');
  seen.mine = 'no store';
  seen.names();
  await time.pass(500);
  t.equal(seen.names(), 'b');
  seen.hears('b', { fitness: 'no store' });
  t.equal(seen.names(), 'self a b');
  seen.mine = 'fit';
  await time.pass(500);
  t.equal(seen.names(), 'self');
  t.equal(seen.names(true), 'a b', 'one that leaves is of no use to them, fit or not');
  seen.hears('a');
  t.equal(seen.names(), 'self a');
});

t.test(
  '§5: a node to whom the journal is silent is a candidate until it has answered another for a while',
  async (t) => {
    const seen = new Seen();
    const { time, journal } = seen.stage;
    seen.hears('a', { fitness: 'no journal' });
    seen.hears('b');
    const tryJournal = () => time.until(seen.candidates.tryJournal(seen.stage.clock.monotonicMs()));
    const answeredMs = () => seen.candidates.answeredMs(seen.stage.clock.monotonicMs());
    journal.lastFails = 1;
    await tryJournal();
    await time.pass(5_000);
    t.equal(seen.names(), 'self a b', 'it may be silent to all');
    t.equal(answeredMs(), 0);
    await tryJournal();
    await time.pass(100);
    await tryJournal();
    t.equal(answeredMs(), 100, 'since the first answer');
    await time.pass(2_899);
    t.equal(seen.names(), 'self a b');
    await time.pass(1);
    t.equal(seen.names(), 'self b');
    journal.lastFails = 1;
    await tryJournal();
    t.equal(answeredMs(), 0, 'without a break');
    t.equal(seen.names(), 'self a b');
    seen.hears('a');
    let asked = 0;
    seen.ports.journal.last = async () => {
      asked++;
      return undefined;
    };
    await tryJournal();
    t.equal(asked, 0, 'nobody asks while nobody complains');
    seen.hears('a', { fitness: 'no journal' });
    let answer = (): void => {};
    seen.ports.journal.last = () => {
      asked++;
      return new Promise((resolve) => {
        answer = () => resolve(undefined);
      });
    };
    const pending = [seen.candidates.tryJournal(0), seen.candidates.tryJournal(0)];
    await seen.stage.turns();
    t.equal(asked, 1, 'one question at a time');
    answer();
    await Promise.all(pending);
  },
);
