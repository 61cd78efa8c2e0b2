import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { FolderInUse, natsPorts } from '../../runtime/io/index.ts';
import { connectNats, type NatsLink } from '../../runtime/io/nats.ts';
import { natsNetwork } from '../../runtime/io/nats-network.ts';
import { openNatsOwnership } from '../../runtime/io/nats-ownership.ts';
import type { Log } from '../../runtime/ports.ts';
import { type NatsCluster, startNats } from '../../scripts/nats-cluster.ts';
import { networkContract } from './network.ts';
import { ownershipContract } from './ownership.ts';

t.setTimeout(120_000);

const quiet: Log = { info() {}, warn() {}, error() {} };

function connector(nats: NatsCluster): { connect: () => Promise<NatsLink>; close: () => Promise<void> } {
  const links: NatsLink[] = [];
  return {
    connect: async () => {
      const link = await connectNats({ servers: nats.urls, name: 'test', log: quiet });
      links.push(link);
      return link;
    },
    close: async () => {
      for (const link of links.splice(0)) await link.close();
    },
  };
}

for (const servers of [1, 3] as const) {
  t.test(`on NATS, ${servers} server(s)`, { timeout: 120_000 }, async (t) => {
    const nats = await startNats({ servers, folder: t.testdir() });
    t.teardown(() => nats.stop());

    networkContract(t, async () => {
      const { connect, close } = connector(nats);
      return {
        join: async (self) => natsNetwork({ link: await connect(), cluster: 'test', self }),
        settle: (promise) => promise,
        acquaint: () => sleep(1_000),
        arrive: () => sleep(150),
        close,
      };
    });

    ownershipContract(t, async () => {
      const { connect, close } = connector(nats);
      const open = async () => openNatsOwnership({ link: await connect(), cluster: 'test', replicas: servers });
      const [register, other] = await Promise.all([open(), open()]);
      return { register, other, settle: (promise) => promise, close };
    });

    doorTest(t, nats);
  });
}

function doorTest(t: Test, nats: NatsCluster): void {
  t.test('all ports of a cluster’s node, opened and closed together', async (t) => {
    const options = {
      servers: nats.urls,
      cluster: 'door',
      replicas: nats.servers.length,
      partitions: 4,
      log: quiet,
    };
    const folders = t.testdir({ a: {}, b: {} });
    const [a, b] = await Promise.all(
      ['a', 'b'].map((node) => natsPorts({ ...options, node, dataFolder: `${folders}/${node}` })),
    );
    if (a === undefined || b === undefined) throw new Error('no ports');
    await t.rejects(natsPorts({ ...options, node: 'c', dataFolder: `${folders}/a` }), FolderInUse);
    await t.rejects(natsPorts({ ...options, node: 'c.d', dataFolder: `${folders}/c` }), /not a name/);
    const record = a.codec.pack({ hello: 'world' });
    const outcome = await a.journal.append([{ partition: 3, expectedSeq: 0, id: '3/1/1', bytes: record }]);
    t.equal(outcome.kind, 'appended');
    t.same(b.codec.unpack((await b.journal.last(3))?.bytes ?? record), { hello: 'world' });
    const heard = new Promise((resolve) => b.network.listen(resolve));
    await sleep(50);
    a.network.send('b', record);
    t.same(b.codec.unpack((await heard) as Uint8Array), { hello: 'world' });
    await Promise.all([a.close(), a.close(), b.close()]);
    t.equal(a.network.connected(), false);
    const late = await a.journal.append([{ partition: 3, expectedSeq: 0, id: '3/1/2', bytes: record }]);
    t.equal(late.kind, 'busy');
    await t.rejects(a.journal.last(3));
    await t.rejects(a.ownership.read());
    t.throws(() => a.store.get(0, 'a'), /closed/);
  });
}
