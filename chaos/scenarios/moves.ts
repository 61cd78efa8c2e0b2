/** An operator who moves partitions, and has the ring decide again. */
import { partitionOf } from '../../runtime/hash.ts';
import { Cluster } from '../cluster/cluster.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { until } from '../time.ts';

type Operator = ReturnType<Cluster['operator']>;

const moved_wait_ms = 60_000;
const partitions_moved: readonly [number, number] = [2, 6];

export const move: Scenario = {
  name: 'move',
  about: 'an operator moves 2 to 6 partitions to other nodes, to a standby or to one without a copy; then rebalances',
  async prepare({ folder, set, endings }) {
    const system = await Cluster.start({ folder, set, isOperated: true });
    endings.add(() => system.stop());
    const operator = system.operator();
    endings.add(() => operator.close());
    return { system, round: (stage) => moveSome(stage, operator) };
  },
};

async function moveSome(stage: Stage, operator: Operator): Promise<void> {
  const before = await stage.owners();
  const count = stage.random.between(...partitions_moved);
  const users = stage.shuffled(stage.users).slice(0, count);
  const wanted = new Map(users.map((user) => targetOf(stage, before, partitionOf(`user/${user}`, before.length))));
  const hit = stage.users.filter((user) => wanted.has(partitionOf(`user/${user}`, before.length)));
  const reason = 'a scenario moves it';
  const what = [...wanted].map(([partition, node]) => `${partition} to ${node}`).join(', ');
  await stage.strike('move', what, { users: hit }, () =>
    Promise.all([...wanted].map(([partition, node]) => operator.call('MovePartition', { partition, node, reason }))),
  );
  const isMoved = (): Promise<boolean> =>
    until(async () => {
      const now = await stage.owners();
      return [...wanted].every(([partition, node]) => now[partition] === node);
    }, moved_wait_ms);
  if (!(await isMoved())) stage.fail(`not all of ${what} within ${moved_wait_ms} ms`);
  await stage.rest(0, 1_000);
  await stage.strike('rebalance', 'all', { users: hit }, () => operator.call('Rebalance', { reason }));
  const isBack = await until(async () => (await stage.owners()).join() === before.join(), moved_wait_ms);
  if (!isBack) stage.fail(`after the rebalance owners are not as they were within ${moved_wait_ms} ms`);
  stage.notes.moved = wanted.size;
}

/** Any node but its owner: one of them is its standby, which has it at once; the other builds a copy first. */
function targetOf(stage: Stage, owners: readonly string[], partition: number): [number, string] {
  const others = stage.system.nodes.filter(({ name }) => name !== owners[partition]);
  return [partition, stage.pick(others).name];
}
