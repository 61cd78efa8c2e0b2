/** The door of the drivers: everything a node needs from the world, opened together and closed together. */
import { join } from 'node:path';
import type { Log, NodeId, Ports } from '../ports.ts';
import { systemClock, systemRandom, systemTimers } from './clock.ts';
import { msgpackCodec } from './codec.ts';
import { openFolderArchive } from './folder-archive.ts';
import { openLmdbJournal } from './lmdb-journal.ts';
import { openLmdbStore } from './lmdb-store.ts';
import { loneNetwork } from './memory-network.ts';
import { connectNats, type NatsLink, type NatsOptions } from './nats.ts';
import { openNatsArchive } from './nats-archive.ts';
import { openNatsJournal } from './nats-journal.ts';
import { natsNetwork } from './nats-network.ts';
import { openNatsOwnership } from './nats-ownership.ts';

export { FolderInUse } from './folder.ts';

/** Ports, and the end of them: closes whatever was opened, once. */
export interface OpenPorts extends Ports {
  /** Connections to nats-server by what they are for, and whether each is up; none where there is no server. */
  links(): { readonly [link: string]: boolean };
  close(): Promise<void>;
}

export interface EmbeddedOptions {
  readonly node: NodeId;
  /** Fixed for the life of the data. */
  readonly partitions: number;
  /** Holds the store and, in one process, the journal and the archive; belongs to this process alone. */
  readonly dataFolder: string;
  readonly log: Log;
}

/**
 * One process, no server: the journal is on this machine's disk, every append synced.
 * @throws FolderInUse
 */
export async function embeddedPorts({ node, partitions, dataFolder, log }: EmbeddedOptions): Promise<OpenPorts> {
  const { open, close } = openedTogether();
  try {
    const { journal, ownership } = await open(openLmdbJournal(join(dataFolder, 'journal')));
    const store = await open(openLmdbStore({ folder: join(dataFolder, 'store'), partitions, log }));
    const archive = await open(openFolderArchive(join(dataFolder, 'archive')));
    const network = await open(Promise.resolve(loneNetwork(node)));
    return { ...systemPorts(), network, journal, store, ownership, archive, log, links: () => ({}), close };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface ClusterOptions extends EmbeddedOptions, Pick<NatsOptions, 'servers' | 'security' | 'connectWaitMs'> {
  /** Names the streams and subjects; `[a-z0-9-]{1,32}`. */
  readonly cluster: string;
  /** Copies of the journal, on as many nats-servers: 1, 3 or 5. */
  readonly replicas: number;
  /** For one append; beyond it the outcome is `unknown` and the same bytes are to be sent again. */
  readonly appendWaitMs?: number;
}

/**
 * A node of a cluster: mail, journal, ownership and archive over NATS, the store on this machine's disk. Waits for nats-server up to
 * `connectWaitMs`; rejects in words when a server is too old or a stream was made with other settings.
 * @throws FolderInUse
 */
export async function natsPorts(options: ClusterOptions): Promise<OpenPorts> {
  const { node, cluster, replicas, partitions, dataFolder, log, appendWaitMs } = options;
  for (const name of [node, cluster])
    if (!/^[a-z0-9-]{1,32}$/.test(name)) throw new TypeError(`not a name: ${JSON.stringify(name)}`);
  const random = systemRandom();
  const { open, close } = openedTogether();
  const link = (what: string): Promise<NatsLink> =>
    open(connectNats({ ...options, name: `ringpost ${cluster} ${node} ${what}` }));
  try {
    const store = await open(openLmdbStore({ folder: join(dataFolder, 'store'), partitions, log }));
    // Three, so that a flood of mail, the server's cut of a slow reader of mail, or a snapshot doesn't hold up the journal.
    const journalLink = await link('journal');
    const mailLink = await link('mail');
    const archiveLink = await link('archive');
    const settings = { link: journalLink, cluster, replicas };
    const writer = `${node}-${random.id()}`;
    const journal = await open(
      openNatsJournal({ ...settings, writer, ...(appendWaitMs !== undefined && { appendWaitMs }) }),
    );
    const ownership = await open(openNatsOwnership(settings));
    const archive = await open(openNatsArchive({ ...settings, link: archiveLink }));
    const network = natsNetwork({ link: mailLink, cluster, self: node });
    const links = () => ({
      journal: journalLink.connected,
      mail: mailLink.connected,
      archive: archiveLink.connected,
    });
    return { ...systemPorts(), random, network, journal, store, ownership, archive, log, links, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Closable = { close(): Promise<void> };

/** What was opened is closed together, the last first, once. */
function openedTogether() {
  const opened: Closable[] = [];
  return {
    async open<T extends Closable>(opening: Promise<T>): Promise<T> {
      const one = await opening;
      opened.unshift(one);
      return one;
    },
    async close(): Promise<void> {
      for (const one of opened.splice(0)) await one.close();
    },
  };
}

function systemPorts(): Pick<Ports, 'clock' | 'timers' | 'random' | 'codec'> {
  return { clock: systemClock, timers: systemTimers, random: systemRandom(), codec: msgpackCodec };
}
