import t from 'tap';
import { happenings } from '../../../console/happenings.ts';
import { partitionsWord } from '../../../console/partition-words.ts';
import { alarmsOf } from '../../../console/ui/alarms.ts';
import { frame } from '../../../console/ui/frame.ts';
import { noHistory, recorded, turnsPerRecord } from '../../../console/ui/history.ts';
import { type Key, press } from '../../../console/ui/keys.ts';
import {
  firstState,
  type State,
  withAnswer,
  withCluster,
  withLetters,
  withoutAddress,
} from '../../../console/ui/model.ts';
import { short, sparkline } from '../../../console/ui/numbers.ts';
import { mostTelling } from '../../../console/ui/overview.ts';
import { left, line, textOf, wrap } from '../../../console/ui/spans.ts';
import type { ClusterWords, NodeWords, PartitionWords, TurnWords } from '../../../console/words.ts';

function node(name: string, more: Partial<NodeWords> = {}): NodeWords {
  const counts = { awakeActors: 3, waitingMails: 1, outboxMails: 2, turns: 1_000, appends: 50, records: 100 };
  return {
    ...{
      name,
      incarnation: `${name}.1`,
      state: 'ALIVE',
      notice: '',
      role: 'owner',
      fitness: 'fit',
      format: 1,
      view: 7,
    },
    ...{ owns: 2, copies: 2, startedAt: 1_000, recordTurns: 400, recordBytes: 9_000, ...counts },
    figures: { connections: 12, rss_bytes: 123_456_789, cpu_ms: 5_000 },
    ...more,
  };
}

function partition(id: number, owner: string, copy: string, more: Partial<PartitionWords> = {}): PartitionWords {
  const standbys = copy === '' ? [] : [{ node: copy, number: 5, lag: 0, likeness: 'SAME' as const }];
  return {
    ...{ id, owner, epoch: 1, answered: owner !== '', number: 5, hash: 17, standbys, awakeActors: 1, waitingMails: 0 },
    ...{ outboxMails: 0, rowsWaiting: 0, recordBytes: 10, recordRate: 1.5, byteRate: 90 },
    ...{ snapshotAt: 0, snapshotBytes: 0, snapshotFailures: 0, pinnedTo: '' },
    ...more,
  };
}

const owners = ['n1', 'n2', 'n3', 'n1', 'n2', 'n3'];

function cluster(more: Partial<ClusterWords> = {}): ClusterWords {
  const partitions = owners.map((owner, id) => partition(id, owner, owner === 'n1' ? 'n2' : 'n1'));
  return {
    answeredBy: 'n1',
    at: 10_000,
    view: 7,
    nodes: ['n1', 'n2', 'n3'].map((name) => node(name)),
    partitions,
    ...more,
  };
}

function with2(more: Partial<NodeWords>, partitions?: readonly PartitionWords[]): ClusterWords {
  return cluster({ nodes: [node('n1'), node('n2', more), node('n3')], ...(partitions && { partitions }) });
}

const words = (before: ClusterWords, after: ClusterWords): string[] =>
  happenings(before, after).map((one) => one.words);

t.test('What has happened between two answers is told', async (t) => {
  t.strictSame(words(cluster(), cluster({ at: 11_000 })), []);
  const moved = cluster().partitions.map((one) => (one.owner === 'n2' ? partition(one.id, 'n1', '') : one));
  t.strictSame(words(cluster(), with2({ state: 'LOST', incarnation: '' }, moved)), [
    'node n2 lost',
    'partitions 1 4 moved n2 → n1',
    'partitions 1 4 without copy',
  ]);
  t.strictSame(words(with2({ state: 'LOST', incarnation: '' }), cluster()), ['node n2 is back']);
  t.strictSame(words(cluster(), with2({ state: 'SILENT' })), ['node n2 does not answer']);
  t.strictSame(words(cluster(), with2({ incarnation: 'n2.2' })), ['node n2 was started again']);
  t.strictSame(words(cluster(), with2({ state: 'DRAINING' })), ['node n2 drains']);
  t.strictSame(words(with2({ state: 'DRAINING' }), with2({ state: 'DRAINING', owns: 0 })), [
    'node n2 is empty: it owns nothing',
  ]);
  t.strictSame(words(with2({ state: 'DRAINING' }), cluster()), ['node n2 takes its share again']);
  t.strictSame(words(cluster(), with2({ fitness: 'no store' })), ['node n2: no store']);
  t.strictSame(words(cluster(), cluster({ nodes: cluster().nodes.slice(0, 2) })), ['node n3 is not heard of any more']);
  t.strictSame(words(cluster({ nodes: cluster().nodes.slice(0, 2) }), cluster()), ['node n3 has joined']);
  const orphans = cluster().partitions.map((one) => (one.id === 3 ? partition(3, '', 'n2') : one));
  t.strictSame(words(cluster(), cluster({ partitions: orphans })), ['partition 3 without owner, n1 had it']);
  t.strictSame(words(cluster({ partitions: orphans }), cluster()), ['partition 3 taken by n1']);
  const pinned = cluster().partitions.map((one) => (one.id === 1 ? { ...one, pinnedTo: 'n3' } : one));
  const there = pinned.map((one) => (one.id === 1 ? { ...one, owner: 'n3' } : one));
  t.strictSame(words(cluster(), cluster({ partitions: pinned })), ['partition 1 pinned to n3']);
  t.strictSame(words(cluster({ partitions: pinned }), cluster({ partitions: there })), ['partition 1 moved n2 → n3']);
  t.strictSame(words(cluster(), cluster({ partitions: there })), [
    'partition 1 pinned to n3',
    'partition 1 moved n2 → n3',
  ]);
  t.strictSame(words(cluster({ partitions: there }), cluster()), [
    'partition 1 no longer pinned',
    'partition 1 moved n3 → n2',
  ]);
});

t.test('Alarms: what is not as it should be, worst first', async (t) => {
  const alarms = (one: ClusterWords, count = 0): string[] =>
    alarmsOf(one, { count, more: false }).map(({ level, words }) => `${level}: ${words}`);
  t.strictSame(alarms(cluster()), []);
  t.strictSame(
    alarms(with2({ state: 'LOST', view: 0, fitness: '' })),
    ['bad: node n2 is lost'],
    'others answer for it',
  );
  t.strictSame(alarms(with2({ fitness: 'no journal' })), ['bad: node n2 is not fit: no journal']);
  t.strictSame(alarms(with2({ view: 6 })), ['note: node n2 acts on view 6, the one that answers on 7']);
  t.strictSame(alarms(cluster(), 2), ['bad: 2 dead letters: d lists them']);
  const filled = (entries: number) => alarmsOf(cluster(), undefined, { entries, entriesMax: 1_000 });
  t.strictSame(filled(899), []);
  t.match(filled(900), [{ level: 'bad', words: /audit log is full to 90 %/ }]);
  const of = (more: Partial<PartitionWords>): ClusterWords =>
    cluster({ partitions: cluster().partitions.map((one) => (one.id === 4 ? { ...one, ...more } : one)) });
  t.strictSame(alarms(of({ owner: '', answered: false })), ['bad: partition 4 without owner']);
  t.strictSame(alarms(of({ standbys: [] })), ['bad: partition 4 without copy']);
  const copy = { node: 'n1', number: 1 };
  t.strictSame(alarms(of({ standbys: [{ ...copy, lag: 900, likeness: 'BEHIND' }] })), [], 'a busy copy is behind');
  t.match(alarms(of({ standbys: [{ ...copy, lag: 9_000, likeness: 'BEHIND' }] })), [
    'note: partition 4 : copies lag by',
  ]);
  t.match(alarms(of({ standbys: [{ ...copy, lag: 0, likeness: 'OTHER' }] })), ['bad: partition 4 : a copy differs']);
  t.strictSame(alarms(of({ pinnedTo: 'n3' })), [], 'pinned, wherever it is now');
  t.strictSame(alarms(of({ pinnedTo: 'n9' })), ['note: partition 4 pinned to a node that is not there']);
  t.match(alarms(of({ snapshotFailures: 3 })), ['note: partition 4 : the last snapshot was not made']);
  const alone = { nodes: [node('n1')], partitions: [partition(0, 'n1', '')] };
  t.strictSame(alarms(cluster(alone)), [], 'where one node is all there is, there are no copies');
});

t.test('Rates come from sums, and not from what can not be compared', async (t) => {
  const later = (more: Partial<NodeWords> = {}): ClusterWords => {
    const n2 = node('n2', { turns: 3_000, records: 600, recordTurns: 2_400, figures: { cpu_ms: 6_000 }, ...more });
    return cluster({ at: 12_000, nodes: [node('n1'), n2, node('n3')] });
  };
  const { whole, nodes } = recorded(noHistory, cluster(), later());
  t.match(nodes.n2?.at(-1), { turns: 1_000, records: 250, cores: 0.5 });
  t.match(whole.at(-1), { turns: 1_000, records: 250 });
  t.equal(turnsPerRecord(nodes.n2?.[0] ?? { turns: 0, records: 0, recordTurns: 0, bytes: 0, cores: 0 }), 4);
  t.match(recorded(noHistory, cluster(), later({ incarnation: 'n2.2' })).nodes.n2?.at(-1), { turns: NaN });
  t.match(
    recorded(noHistory, cluster(), { ...later(), answeredBy: 'n3' }).whole.at(-1),
    { turns: NaN },
    'other clocks',
  );
  let long = noHistory;
  for (let i = 0; i < 700; i++) long = recorded(long, cluster(), later());
  t.equal(long.whole.length, 600);
});

t.test('Numbers and plots in few columns', async (t) => {
  t.strictSame([0, 7.54, 123.4, 12_345, 999_960, 4.5e6, NaN].map(short), [
    '0',
    '7.5',
    '123',
    '12.3k',
    '1M',
    '4.5M',
    '-',
  ]);
  t.equal(sparkline([0, 1, 4, 8, NaN, 2], 8, true), '  ▁▁▄█ ▂');
  t.equal(sparkline([0, 4, 8], 3, false), '_=#');
  t.equal(partitionsWord([7, 3, 11, 4, 5]), 'partitions 3-5 7 11');
  t.equal(textOf(line('a\u001b[31mb\u202ec')), 'a·[31mb·c', 'nothing that comes from a cluster steers the terminal');
  t.equal(left('日本語', 5), '日本 ');
  t.strictSame(wrap('aa bb cccccc', 5), ['aa bb', 'ccccc', 'c']);
});

// ---------------------------------------------------------------- whole screens

const terminal = { columns: 80, rows: 24, isUtf8: true, hasColors: true };

function seen(more: Partial<ClusterWords> = {}): State {
  const state = withCluster(firstState(['a:1', 'b:2']), cluster(), 'a:1', 0);
  return withCluster(state, cluster({ at: 11_000, ...more }), 'a:1', 1_000);
}

function textsOf(state: State, at = terminal): string[] {
  return frame(state, at, 1_500).map(textOf);
}

function pressed(
  state: State,
  ...keys: readonly (Key['name'] | { readonly text: string })[]
): ReturnType<typeof press> {
  return keys.reduce<ReturnType<typeof press>>(
    ({ state: now }, key) =>
      press(now, typeof key === 'string' ? ({ name: key } as Key) : { name: 'text', text: key.text }),
    { state, effects: [] },
  );
}

const typed = (text: string): { text: string }[] => [...text].map((char) => ({ text: char }));

t.test(
  'The first screen fits, from the smallest terminal on, and says all without colours and without UTF-8',
  async (t) => {
    for (const [columns, rows] of [
      [80, 24],
      [60, 16],
      [132, 43],
      [250, 70],
      [40, 10],
    ] as const) {
      const lines = frame(seen(), { ...terminal, columns, rows }, 1_500).map(textOf);
      t.ok(lines.length <= rows - 1, `${columns}x${rows}`);
      t.ok(lines.every((one) => [...one].length <= columns));
    }
    const screen = textsOf(seen()).join('\n');
    for (const part of [
      '3 nodes, 6 partitions, view 7  from n1 at a:1',
      'no alarms',
      'n3       ALIVE',
      '    0 1 2 3 1 2 3',
      'turns/s',
      'connected to n1',
      '? help',
    ]) {
      t.ok(screen.includes(part), part);
    }
    const dead = seen({ nodes: [node('n1'), node('n2', { state: 'LOST' }), node('n3')] });
    const plain = frame(dead, { ...terminal, hasColors: false, isUtf8: false }, 1_500);
    t.notOk(plain.flat().some(({ color }) => color !== undefined));
    const text = plain.map(textOf).join('\n');
    t.match(text, /! node n2 is lost/);
    t.match(text, /n2 +LOST/);
    t.match(text, / 0 1 x 3 1 x 3/);
    t.notMatch(text, /[^\x20-\x7e\n]/);
    const [title, alarm] = textsOf(withoutAddress(seen(), 'a:1', 'it can not be reached', 1_200));
    t.match(title, /! nobody answers/);
    t.match(alarm, /! a:1: it can not be reached; asking the others/);
    t.match(frame(seen(), terminal, 60_000).map(textOf)[0], /! nobody answers, this is 59 s old/);
  },
);

t.test('Keys: in, back, and nothing is changed without its name and a reason', async (t) => {
  t.match(textsOf(pressed(seen(), 'down', 'enter').state).join('\n'), /NODE n2[\s\S]*> {3}1 n2/);
  const into = pressed(seen(), 'down', 'enter', 'enter');
  t.match(into.effects, [{ kind: 'ask', query: { method: 'GetPartition', request: { partition: 1 } } }]);
  t.equal(pressed(into.state, 'esc', 'esc', 'esc').state.stack.length, 1);
  const asked = pressed(seen(), 'down', { text: 'D' }).state;
  const wrong = pressed(asked, ...typed('n3'), 'enter');
  t.strictSame([wrong.effects, wrong.state.notice?.isBad], [[], true]);
  const reasonless = pressed(asked, ...typed('n2'), 'enter', 'enter');
  t.strictSame([reasonless.effects, reasonless.state.notice?.isBad], [[], true]);
  t.equal(pressed(asked, 'esc').state.prompt, undefined);
  const meant = pressed(asked, ...typed('n2'), 'enter', ...typed('a new disk'), 'enter');
  t.match(meant.effects, [
    { kind: 'carryOut', query: { method: 'DrainNode', request: { node: 'n2', reason: 'a new disk' } } },
  ]);
  t.match(pressed(seen(), { text: 'a' }, ...typed('user/al*'), 'enter').effects, [
    { query: { method: 'ListActors', request: { kind: 'user', keyPrefix: 'al' } } },
  ]);
  t.match(pressed(seen(), { text: 't' }, ...typed('alice'), 'enter', ...typed('m-1'), 'enter').effects, [
    { query: { method: 'TraceMessage', request: { sender: 'alice', id: 'm-1' } } },
  ]);
  t.strictSame(pressed(asked, 'interrupt').effects, [{ kind: 'quit' }]);
});

t.test('A partition is moved from its own screen, and all are rebalanced from their list', async (t) => {
  const asked = pressed(seen(), { text: 'p' }, 'down', 'enter');
  const [effect] = asked.effects;
  if (effect?.kind !== 'ask') throw new Error('it asks');
  const shown = (more: Partial<PartitionWords>): State => {
    const value = { partition: partition(1, 'n2', 'n1', more), channels: [] };
    return withAnswer(asked.state, effect.query, { kind: 'here', value });
  };
  t.notMatch(textsOf(shown({})).join('\n'), /pinned/);
  t.match(textsOf(shown({ pinnedTo: 'n3' })).join('\n'), /pinned to n3 by an operator: it moves there/);
  t.match(textsOf(shown({ pinnedTo: 'n2' })).join('\n'), /pinned to n2 by an operator: and there it is/);
  t.match(textsOf(shown({})).at(-1), /S snapshot {2}M move {2}V verify/);
  const doubted = pressed(shown({ recordRate: 12, byteRate: 3_400 }), { text: 'V' }, ...typed('1'), 'enter');
  t.match(textsOf(doubted.state).join('\n'), /REC\/S.*\n.* 12 [\s\S]*3.4k a second/);
  t.match(pressed(doubted.state, ...typed('a doubt'), 'enter').effects, [
    { kind: 'carryOut', query: { method: 'VerifyPartition', request: { partition: 1, reason: 'a doubt' } } },
  ]);
  const moving = pressed(shown({}), { text: 'M' });
  t.match(textsOf(moving.state).join('\n'), /Move partition 1: [\s\S]*To which node: _/);
  t.match(pressed(moving.state, 'enter').state.notice, { isBad: true }, 'to nowhere');
  t.strictSame(pressed(moving.state, ...typed('n3'), 'enter', 'enter').effects, [], 'for no reason');
  const { effects, state } = pressed(moving.state, ...typed('n3'), 'enter', ...typed('n2 is hot'), 'enter');
  const request = { partition: 1, node: 'n3', reason: 'n2 is hot' };
  const what = 'move of partition 1 to n3';
  t.strictSame(effects, [{ kind: 'carryOut', what, query: { method: 'MovePartition', request } }]);
  t.match(state.notice, { words: 'move of partition 1 to n3: asked for …' });
  const pins = cluster().partitions.map((one) => (one.id === 1 ? { ...one, pinnedTo: 'n3' } : one));
  const list = pressed(seen({ partitions: pins }), { text: 'p' }).state;
  t.match(textsOf(list).join('\n'), /STATE PIN\n.*\n {4}1 n2 .* n3 *\n/);
  t.ok(textsOf(list).every((one) => [...one].length <= 80));
  t.match(textsOf(list).at(-1), /B rebalance/);
  const balanced = pressed(list, { text: 'B' }, ...typed('rebalance'), 'enter', ...typed('it is over'), 'enter');
  t.match(balanced.effects, [{ query: { method: 'Rebalance', request: { reason: 'it is over' } } }]);
  t.strictSame(pressed(seen(), { text: 'B' }).state.prompt, undefined, 'not from elsewhere');
});

t.test('An actor shows its last turns, the newest first, and those that threw', async (t) => {
  const asked = pressed(seen(), { text: 'a' }, ...typed('user/al'), 'enter');
  const [effect] = asked.effects;
  if (effect?.kind !== 'ask') throw new Error('it asks');
  const shown = (turns: readonly TurnWords[]): string => {
    const place = { address: 'user/al', partition: 1, node: 'n2', epoch: 4, awake: true, idleMs: 0 };
    const value = { ...place, waitingMails: [], tables: ['tl'], timers: [], turns };
    return textsOf(withAnswer(asked.state, effect.query, { kind: 'here', value })).join('\n');
  };
  t.match(shown([]), /turns: seen from now on/);
  const turn = {
    mail: 'send',
    from: '',
    by: 'volatile',
    at: 1_000,
    tookUs: 250,
    rows: 2,
    mails: 1,
    outputs: 3,
    threw: '',
  };
  const later = { ...turn, mail: 'tick', by: 'timer', at: 2_000, threw: 'Error: made up' };
  const lines = shown([turn, later] as readonly TurnWords[]);
  t.match(lines, /00:00:02Z tick +\(timer\) .* Error: made up *\n/);
  t.match(lines, /tick [\s\S]*00:00:01Z send +\(volatile\) +250 +2 +1 +3 *\n/);
});

t.test('Dead letters are counted, listed, read and replayed', async (t) => {
  const letter = {
    partition: 3,
    id: 'x:1',
    to: 'user/a',
    from: '',
    kind: 'send',
    why: 'boom\u001b[2J',
    at: 1,
    body: '',
    redacted: false,
  };
  const counted = withLetters(seen(), { count: 1, more: false }, 12, 1_000);
  t.match(textsOf(counted)[1], /! 1 dead letter: d lists them/);
  const asked = pressed(counted, { text: 'd' });
  const [effect] = asked.effects;
  if (effect?.kind !== 'ask') throw new Error('it asks');
  const listed = withAnswer(asked.state, effect.query, { kind: 'here', value: { letters: [letter], next: '3:x' } });
  t.match(textsOf(listed).join('\n'), /user\/a .*boom·\[2J/);
  t.match(pressed(listed, { text: 'n' }).effects, [{ query: { request: { page: '3:x' } } }]);
  const read = pressed(listed, 'enter');
  t.match(read.effects, [{ query: { method: 'GetDeadLetter', request: { partition: 3, id: 'x:1' } } }]);
  const replayed = pressed(read.state, { text: 'R' }, ...typed('x:1'), 'enter', ...typed('fixed'), 'enter');
  t.match(replayed.effects, [{ query: { method: 'ReplayDeadLetter', request: { id: 'x:1', reason: 'fixed' } } }]);
});

t.test('The audit log is read from its end, page by page', async (t) => {
  const asked = pressed(seen(), { text: 'u' });
  const [effect] = asked.effects;
  if (effect?.kind !== 'ask') throw new Error('it asks');
  t.match(effect.query, { method: 'ListAudit', request: { after: -1, limit: 200 } });
  const listed = (last: number): State => {
    const deed = { method: 'DrainNode', target: '{}', reason: 'r', outcome: 'done' };
    const entry = { number: last, at: 1, who: 'c', role: 'admin', node: 'n1', ...deed, previousHash: '', hash: '' };
    return withAnswer(asked.state, effect.query, {
      kind: 'here',
      value: { entries: [entry], head: 500, headHash: '' },
    });
  };
  t.match(pressed(listed(301), { text: 'n' }).effects, [{ query: { request: { after: 100, limit: 200 } } }]);
  t.match(pressed(listed(101), { text: 'n' }).effects, [{ query: { request: { after: 0, limit: 100 } } }]);
  t.strictSame(pressed(listed(1), { text: 'n' }).effects, []);
});

t.test('a lost node stays in sight while what follows from it goes by', (t) => {
  const at = 1_000_000;
  const small = (n: number) => ({ at: at + n, words: `small ${n}`, isBad: false, kind: 'COPY_BACK' as const });
  const events = [
    { at: at - 100_000, words: 'long ago', isBad: true, kind: 'NODE_LOST' as const },
    { at, words: 'node n2 lost', isBad: true, kind: 'NODE_LOST' as const },
    { at, words: 'moved', isBad: true, kind: 'PARTITION_MOVED' as const },
    ...Array.from({ length: 10 }, (_, n) => small(n)),
    { at: at + 20, words: 'no copy', isBad: true, kind: 'COPY_MISSING' as const },
  ];
  const words = (room: number) => mostTelling(events, room).map((one) => one.words);
  t.strictSame(words(5), ['node n2 lost', 'moved', 'small 8', 'small 9', 'no copy']);
  t.strictSame(words(2), ['node n2 lost', 'moved']);
  t.equal(words(100).length, events.length);
  t.strictSame(words(100)[0], 'long ago', 'in order');
  t.strictSame(mostTelling([], 5), []);
  t.end();
});
