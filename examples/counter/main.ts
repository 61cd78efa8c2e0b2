/** A durable counter on three nodes: the node it lives on dies, and it counts on, each visit once. Real servers, real files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { actorKind, behaviour, defaultLimits, Node } from '../../runtime/index.ts';
import { natsPorts } from '../../runtime/io/index.ts';
import { startNats } from '../../scripts/nats-cluster.ts';

// The words that a counter knows, with their replies; callers import this and nothing of the counter itself.
const Counter = actorKind<{ visit: { mail: { id: string }; reply: number } }>('counter');

const counter = behaviour(Counter, {
  wake: (turn) => ({ total: turn.get<number>('total') ?? 0 }),
  turns: {
    visit(state, { id }, turn) {
      if (turn.get('seen', id) === undefined) {
        state.total += 1;
        turn.put('total', state.total);
        turn.put('seen', id, true);
      }
      turn.reply(state.total); // leaves only when the change is on three disks
    },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'counter-'));
const nats = await startNats({ servers: 3, folder: join(folder, 'nats') });
const log = { info() {}, warn() {}, error: console.error };
async function startNode(name: string): Promise<Node> {
  const place = { node: name, cluster: 'counter', partitions: 32, dataFolder: join(folder, name) };
  const ports = await natsPorts({ ...place, servers: nats.urls, replicas: 3, log });
  const node = new Node({ ports, limits: defaultLimits, behaviours: [counter], partitions: 32 });
  node.start();
  await node.ready();
  return node;
}
const nodes = await Promise.all(['n1', 'n2', 'n3'].map(startNode));
const page = Counter.ref('front-page');
for (let i = 1; i <= 6; i++) {
  const asking = nodes.find((node) => !node.serves(page));
  let total: number | undefined;
  while (total === undefined) {
    // A node that dies with an ask in its hands leaves its fate unknown: the id makes it safe to ask again.
    const asked = await asking?.ask(page, { kind: 'visit', id: `visit ${i}` });
    if (asked?.kind === 'reply') total = asked.value;
  }
  console.log(`visit ${i}: ${total} so far`);
  if (i !== 3) continue;
  const [home] = nodes.splice(
    nodes.findIndex((node) => node.serves(page)),
    1,
  );
  console.log(`${home?.node}, where the counter lives, dies`);
  home?.halt();
}
await nats.stop();
rmSync(folder, { recursive: true });
process.exit();
