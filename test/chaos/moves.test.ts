import t from 'tap';
import { movePauses } from '../../chaos/moves.ts';

const line = (ms: number, msg: string, fields: object) =>
  JSON.stringify({ level: 30, time: new Date(ms).toISOString(), ...fields, msg });
const leaves = (ms: number, ...partitions: number[]) => line(ms, 'handing partitions over', { partitions });
const serves = (ms: number, partition: number) => line(ms, 'serving a partition', { partition, epoch: 2 });

t.test('a pause is from the one log to the other', async (t) => {
  const one = [serves(500, 1), leaves(1_000, 1, 2), leaves(1_200, 3), '{"level":30,"time":"19'].join('\n');
  const other = [line(900, 'a copy was built', {}), serves(1_030, 1), serves(1_055, 2), serves(5_000, 9)].join('\n');
  t.same(movePauses([one, other], 600), [30, 55], 'what nobody serves yet has no end');
  t.same(movePauses([one, other], 1_100), [], 'of moves since then');
  t.same(movePauses(['', 'no JSON'], 0), []);
});

t.test('what comes back pauses a second time', async (t) => {
  const one = [leaves(1_000, 1), serves(1_500, 1)].join('\n');
  const other = [serves(1_020, 1), leaves(1_460, 1)].join('\n');
  t.same(movePauses([one, other], 0), [20, 40]);
});
