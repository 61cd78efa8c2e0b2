/** Where a scenario acts: the system, the load on it, chance, and the record of what was done when. */
import { partitionOf } from '../runtime/hash.ts';
import type { SimRandom } from '../sim/clock.ts';
import type { System, SystemNode } from './cluster/system.ts';
import type { Load } from './load/load.ts';
import { nowMs, pause, until } from './time.ts';
import type { Struck } from './unavailable.ts';

/** Whom a fault hits: the users of these nodes' partitions, all, or those named. */
export type Hits = { readonly nodes: readonly string[] } | { readonly users: readonly string[] } | 'all';

export interface StageParts {
  readonly system: System;
  readonly load: Load;
  readonly seed: number;
  readonly random: SimRandom;
  readonly users: readonly string[];
}

const owners_wait_ms = 1_000;

export class Stage {
  readonly system: System;
  readonly load: Load;
  readonly random: SimRandom;
  /** Of this round. */
  readonly seed: number;
  readonly users: readonly string[];
  readonly faults: Struck[] = [];
  /** What else there is to tell of the round, by name. */
  readonly notes: { [name: string]: number | string } = {};
  /** What the scenario itself found wrong. */
  readonly failures: string[] = [];
  /** Processes that may end by themselves without the round being a failure. */
  deathsAllowed = 0;
  #healedAt = 0;
  #owners: readonly string[] = [];

  constructor({ system, load, seed, random, users }: StageParts) {
    this.system = system;
    this.load = load;
    this.seed = seed;
    this.random = random;
    this.users = users;
  }

  /** Since then nothing is broken by us, ms; 0 while nothing was. */
  get healedAt(): number {
    return Math.max(this.#healedAt, ...this.faults.map(({ at }) => at));
  }

  /** Breaks something. `act` must do so before it waits for anything; who is hit is found out before. */
  async strike(what: string, target: string, hits: Hits, act: () => Promise<unknown> | unknown): Promise<void> {
    const users = await this.#usersOf(hits);
    const at = nowMs();
    const acting = (async () => act())();
    this.faults.push({ what, target, at, hits: users });
    await this.load.ask('mark', null);
    await acting;
  }

  /** A promise of the scenario's own was not kept. */
  fail(words: string): void {
    this.failures.push(words);
  }

  /** What was broken is whole again, or on its way to be so without us. */
  healed(): void {
    this.#healedAt = nowMs();
  }

  /** Resolves when all users have had a message accepted since the last fault or healing; false if that takes longer. */
  served(waitMs: number): Promise<boolean> {
    const since = this.healedAt;
    return until(async () => (await this.load.ask('servedSince', { since })) === this.users.length, waitMs);
  }

  whole(waitMs: number): Promise<boolean> {
    return until(() => this.system.whole(), waitMs, 50);
  }

  /** A node that owns something, by chance. */
  async anyNode(): Promise<SystemNode> {
    const owners = await this.owners();
    const nodes = this.system.nodes.filter(({ name, program }) => program.running && owners.includes(name));
    return this.pick(nodes);
  }

  pick<T>(list: readonly T[]): T {
    const one = list[this.random.between(0, list.length - 1)];
    if (one === undefined) throw new Error('there is nothing to choose from');
    return one;
  }

  shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((one) => ({ one, at: this.random.fraction() }))
      .sort((a, b) => a.at - b.at)
      .map(({ one }) => one);
  }

  /** ms, by chance, `from` to `to`. */
  async rest(from: number, to = from): Promise<void> {
    await pause(this.random.between(from, to));
  }

  /** The owner of each partition, '' for none; as last heard of while nobody can tell, as during an election in NATS. */
  async owners(): Promise<readonly string[]> {
    await until(async () => {
      this.#owners = await this.system.owners();
      return true;
    }, owners_wait_ms);
    if (this.#owners.length === 0) throw new Error('nobody can tell who owns what');
    return this.#owners;
  }

  async #usersOf(hits: Hits): Promise<readonly string[]> {
    if (hits === 'all') return this.users;
    if ('users' in hits) return hits.users;
    const owners = await this.owners();
    return this.users.filter((user) => hits.nodes.includes(owners[partitionOf(`user/${user}`, owners.length)] ?? ''));
  }
}
