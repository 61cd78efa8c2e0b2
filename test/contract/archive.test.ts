import t from 'tap';
import { openFolderArchive } from '../../runtime/io/folder-archive.ts';
import { connectNats, type NatsLink } from '../../runtime/io/nats.ts';
import { openNatsArchive } from '../../runtime/io/nats-archive.ts';
import type { Log } from '../../runtime/ports.ts';
import { startNats } from '../../scripts/nats-cluster.ts';
import { SimArchive } from '../../sim/archive.ts';
import { SimRandom, SimTime } from '../../sim/clock.ts';
import { archiveContract } from './archive.ts';

t.setTimeout(120_000);

const quiet: Log = { info() {}, warn() {}, error() {} };

t.test('the archive in a folder', async (t) => {
  const folder = t.testdir();
  archiveContract(t, async () => {
    const archive = await openFolderArchive(folder);
    return {
      archive,
      other: archive,
      settle: (promise) => promise,
      bigBytes: 8_000_000,
      close: () => archive.close(),
    };
  });
  t.test('names that would leave the folder are refused, and a damaged pointer is told', async (t) => {
    const archive = await openFolderArchive(folder);
    for (const name of ['../x', '1/../../x', '1/a/b', 'x/1', '1/', '1/.', '/etc/passwd', '1/a\0']) {
      await t.rejects(archive.put(name, []), TypeError, name);
    }
    await archive.point(20, 0, Buffer.from('pointer'));
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${folder}/20.pointer`, 'something else');
    await t.rejects(archive.pointer(20), /damaged/);
  });
});

t.test('the simulated archive', (t) => {
  archiveContract(t, async () => {
    const random = new SimRandom(1);
    const time = new SimTime(random.stream('ties'));
    const archive = new SimArchive(time, random);
    return {
      archive: archive.connect(),
      other: archive.connect(),
      settle: (promise) => time.until(promise),
      bigBytes: 200_000,
      close: async () => {},
    };
  });
  t.end();
});

for (const servers of [1, 3] as const) {
  t.test(`the archive on NATS, ${servers} server(s)`, { timeout: 120_000 }, async (t) => {
    const nats = await startNats({ servers, folder: t.testdir() });
    t.teardown(() => nats.stop());
    archiveContract(t, async () => {
      const links: NatsLink[] = [];
      const connect = async () => {
        const link = await connectNats({ servers: nats.urls, name: 'test', log: quiet });
        links.push(link);
        return openNatsArchive({ link, cluster: 'test', replicas: servers });
      };
      return {
        archive: await connect(),
        other: await connect(),
        settle: (promise) => promise,
        bigBytes: 16_000_000,
        close: async () => {
          for (const link of links) await link.close();
        },
      };
    });
  });
}
