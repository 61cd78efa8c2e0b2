import t from 'tap';
import { auditLog, messengerBehaviours } from '../../actors/index.ts';
import { EventFeed } from '../../console/event-feed.ts';
import type { EventWords } from '../../console/words.ts';
import type { Node } from '../../runtime/index.ts';
import { World } from '../runtime/world.ts';

/** As `node`, but to it another one is of a version that does not know the question of events. */
function seeingOlder(node: Node, older: string): Node {
  const inspect: Node['inspect'] = (question, at, waitMs) => {
    const asked = question.kind === 'events' && at === older ? { kind: 'eventsOfTomorrow' } : question;
    return node.inspect(asked as typeof question, at, waitMs);
  };
  return new Proxy(node, {
    get(target, name) {
      if (name === 'inspect') return inspect;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

t.setTimeout(60_000);

t.test(
  'What a node does not tell, because it is older, is read from what can be seen of it; the rest is told once',
  async (t) => {
    const world = new World({ seed: 7, behaviours: messengerBehaviours(), partitions: 32 });
    await world.cluster('n1', 'n2', 'n3');
    await world.pass(3_000);
    const feed = new EventFeed(seeingOlder(world.node('n1'), 'n2'), auditLog);
    t.teardown(() => feed.close());
    const heard: EventWords[] = [];
    let hasBegun = false;
    const leave = feed.join(0, (events) => {
      hasBegun = true;
      heard.push(...events);
    });
    /** The feed looks by the real clock, the nodes answer by the world's. */
    const until = async (what: string, isSo: () => boolean): Promise<void> => {
      for (let tries = 0; !isSo(); tries++) {
        if (tries > 1_000)
          throw new Error(`it did not come to this: ${what}; ${heard.map(({ words }) => words).join('; ')}`);
        await world.pass(10);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const moves = (to: string): EventWords[] =>
      heard.filter(({ kind, node }) => kind === 'PARTITION_MOVED' && node === to);
    await until('it has begun', () => hasBegun);
    t.strictSame(heard, [], 'nothing of what was before');
    void world.node('n3').drain();
    const taken = (): number => [...moves('n1'), ...moves('n2')].flatMap(({ partitions }) => partitions).length;
    const had = world.node('n1').view.owners.filter((owner) => owner?.node === 'n3').length;
    await until('all has moved', () => taken() >= had);
    for (const move of moves('n1')) t.match(move, { from: 'n3', handover: 'PLANNED' });
    for (const move of moves('n2')) t.match(move, { from: 'n3', handover: 'HANDOVER_UNSPECIFIED', epochs: [] });
    t.ok(moves('n1').length > 0 && moves('n2').length > 0);
    world.kill('n2');
    await until('n2 is lost', () => heard.some(({ kind, node }) => kind === 'NODE_LOST' && node === 'n2'));
    await until('n1 has all', () => world.node('n1').view.owners.every((owner) => owner?.node === 'n1'));
    await until('it is told', () => moves('n1').some(({ from }) => from === 'n2'));
    t.match(
      moves('n1').find(({ from }) => from === 'n2'),
      { handover: 'FAILOVER' },
    );
    t.equal(heard.filter(({ kind, node }) => kind === 'NODE_LOST' && node === 'n2').length, 1, 'by one alone');
    t.equal(
      taken(),
      new Set(
        heard
          .filter(({ kind }) => kind === 'PARTITION_MOVED')
          .flatMap(({ partitions, from, node }) => partitions.map((id) => `${id} ${from} ${node}`)),
      ).size,
      'each once',
    );
    leave();
  },
);
