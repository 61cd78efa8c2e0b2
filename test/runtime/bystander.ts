/** A node's standbys without the node: copies of what real nodes own, whose inside the test can see. */
import { partitionOf } from '../../runtime/hash.ts';
import type { Limits } from '../../runtime/index.ts';
import type { Partition } from '../../runtime/partition.ts';
import type { PartitionId, Ports } from '../../runtime/ports.ts';
import { type Progress, Standbys, type StandbysHost } from '../../runtime/standbys.ts';
import { WriteBehind } from '../../runtime/write-behind.ts';
import { simCodec } from '../../sim/codec.ts';
import { SimProcess } from '../../sim/process.ts';
import { folded, type Watch } from './watch.ts';
import type { World } from './world.ts';

export class Bystander {
  readonly standbys: Standbys;
  readonly writeBehind: WriteBehind;
  readonly ports: Ports;
  readonly limits: Limits;
  readonly distrusted = new Set<PartitionId>();
  /** Partitions that its node owns, or is about to. */
  readonly held = new Set<PartitionId>();
  /** Words of its warnings and errors. */
  readonly said: string[] = [];
  /** Partitions thrown out of its store. */
  readonly dropped: PartitionId[] = [];
  /** What its copies are compared with; as owners say, where this has nothing. */
  readonly owners = new Map<PartitionId, Progress>();
  /** A copy begins with what the store holds. */
  onTrusted: (id: PartitionId) => void = () => {};
  /** Actors of its copies that were to have a turn. */
  readied = 0;
  readonly #world: World;
  readonly #process: SimProcess;

  constructor(
    world: World,
    watch: Watch,
    name: string,
    limits: Partial<Limits> = {},
    altered = (ports: Ports) => ports,
  ) {
    this.#world = world;
    // So that within a test's short time some of what it holds is stored.
    this.limits = { ...world.limits, standby_gather_ms: 100, ...limits };
    const random = world.random.stream(`bystander ${name}`);
    const say = (_fields: object, words: string): void => void this.said.push(words);
    const log = { info() {}, warn: say, error: say };
    this.#process = new SimProcess(world, { name, disk: world.disk(name), random, log });
    const { store } = this.#process.ports;
    const drop = (partition: PartitionId): Promise<void> => {
      this.dropped.push(partition);
      return store.drop(partition);
    };
    this.ports = altered({ ...this.#process.ports, store: watched(store, drop) });
    this.writeBehind = new WriteBehind(this.ports, this.limits, () => this.standbys.ripe());
    this.standbys = new Standbys(this.#host(watch));
    this.standbys.start();
    this.writeBehind.start();
  }

  #host(watch: Watch): StandbysHost {
    const { ports, limits, writeBehind, distrusted } = this;
    return {
      ports,
      limits,
      writeBehind,
      distrusted,
      writer: 'bystander.x',
      behaviourOf: () => undefined,
      partitionOf: (address) => partitionOf(address, this.#world.partitions),
      ready: () => void this.readied++,
      release: () => {},
      transmit: () => {},
      settle: () => {},
      broken: () => {},
      trusted: (id) => this.onTrusted(id),
      storeLost: () => {},
      holds: (id) => this.held.has(id),
      isCalm: () => true,
      ownersProgress: (id) => {
        const owner = this.#world.living()[0]?.node.view.owners[id];
        const said = owner && watch.heard.get(owner.node)?.copies.find(([partition]) => partition === id);
        return this.owners.get(id) ?? said;
      },
    };
  }

  /** Its rhythm, as a node's heartbeats are, for so long. */
  async live(ms: number, each: () => void = () => {}): Promise<void> {
    const { heartbeat_ms } = this.limits;
    for (let passed = 0; passed < ms; passed += heartbeat_ms) {
      await this.#world.pass(heartbeat_ms);
      this.standbys.look();
      each();
    }
  }

  want(...ids: readonly PartitionId[]): void {
    this.standbys.want(new Set(ids));
  }

  copy(id: PartitionId): Partition | undefined {
    return [...this.standbys.partitions()].find((partition) => partition.id === id);
  }

  /** Of what may be promoted. */
  get promotable(): PartitionId[] {
    return [...this.standbys.progress()].map(([id]) => id).sort((a, b) => a - b);
  }

  kill(): void {
    this.standbys.stop();
    this.writeBehind.stop();
    this.#process.kill();
  }

  /** Words for every row of its copies that reads otherwise than what the journal makes of it, through overlay and store. */
  breaches(): string[] {
    const words: string[] = [];
    for (const { id, overlay, position } of this.standbys.partitions()) {
      const expected = folded(this.#world, id, position.seq);
      const about = `partition ${id} at ${position.seq}`;
      if (expected.chain !== position.chain) words.push(`${about}: another chain`);
      const tables = new Map<string, number>();
      for (const key of expected.keys) {
        const [actor = '', table = '', ...rest] = key.split(' ');
        const packed = expected.rows.get(key);
        const wanted = packed && simCodec.unpack(packed);
        const found = overlay.get(actor, table, rest.join(' '));
        if (JSON.stringify(found) !== JSON.stringify(wanted))
          words.push(`${about}: ${key} is ${JSON.stringify(found)}`);
        const name = `${actor} ${table}`;
        tables.set(name, (tables.get(name) ?? 0) + (packed === undefined ? 0 : 1));
      }
      for (const [name, rows] of tables) {
        const [actor = '', table = ''] = name.split(' ');
        const found = overlay.range(actor, table, {}).length;
        if (found !== rows) words.push(`${about}: ${name} has ${found} rows, not ${rows}`);
      }
    }
    return words;
  }
}

function watched(store: Ports['store'], drop: Ports['store']['drop']): Ports['store'] {
  return {
    get: (partition, key) => store.get(partition, key),
    range: (partition, range) => store.range(partition, range),
    verify: (partition, after, rowsMax) => store.verify(partition, after, rowsMax),
    write: (writes) => store.write(writes),
    flushed: () => store.flushed(),
    drop,
    close: () => store.close(),
  };
}
