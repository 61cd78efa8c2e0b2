/** Plays a scenario, round after round, and judges each round. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Endings } from '../scripts/endings.ts';
import { SimRandom } from '../sim/clock.ts';
import type { Program } from './cluster/program.ts';
import type { System } from './cluster/system.ts';
import { Load } from './load/load.ts';
import { movePauses } from './moves.ts';
import type { Prepared, Scenario } from './scenario.ts';
import { logOf } from './scenarios/logs.ts';
import { Stage } from './stage.ts';
import { nowMs, pause, until } from './time.ts';
import { company, groupsAmong } from './users.ts';
import { Judge, type Round, storyOf, type Verdict } from './verdict.ts';

export interface RunPlan {
  readonly scenario: Scenario;
  readonly seed: number;
  /** Rounds go on until both are over. */
  readonly rounds: number;
  readonly minutes: number;
  readonly rate: number;
  readonly set: readonly string[];
  readonly folder: string;
}

/** Before the first fault. */
const warm_ms = { least: 500, most: 900 };
const whole_wait_ms = 90_000;
const served_wait_ms = 60_000;
/** Load goes on for so long after everybody is served. */
const after_ms = 300;
/** Longer than the SDK waits before it says a message again. */
const drain_quiet_ms = 30_000;
const drain_most_ms = 120_000;
/** A fresh company of users once the history has so many entries: checks look at all of it after each round. */
const entries_most = 400_000;
/** Of the messages that a round sends, at least so many must be accepted. */
const acked_share_least = 0.25;

/** Single times of a round, ms: of unavailability, and of the pauses of partitions that were moved. */
export interface Times {
  readonly unavailable: readonly number[];
  readonly pauses: readonly number[];
}

/** Told of each round as it ends; `words` are all that was wrong. */
export type Report = (round: Round, times: Times, words: readonly string[]) => void;

/** One scenario: its system, its load, its rounds. */
export class Play {
  readonly #plan: RunPlan;
  readonly #prepared: Prepared;
  #load: Load | undefined;
  #judge = new Judge();
  #users: readonly string[] = [];
  #generation = 0;

  private constructor(plan: RunPlan, prepared: Prepared) {
    this.#plan = plan;
    this.#prepared = prepared;
  }

  /** Answers whether all rounds were good. `report` gets each round as it ends. */
  static async run(plan: RunPlan, endings: Endings, report: Report): Promise<boolean> {
    mkdirSync(plan.folder, { recursive: true });
    const { scenario, folder, set } = plan;
    const play = new Play(plan, await scenario.prepare({ folder, set, endings }));
    endings.add(() => play.#load?.end());
    const endAt = nowMs() + plan.minutes * 60_000;
    let good = true;
    for (let round = 1; round <= plan.rounds || nowMs() < endAt; round++) {
      if (play.#load === undefined || play.#judge.entries.length > entries_most) await play.#newCompany();
      const { round: verdict, unavailable, pauses, breaches } = await play.#round(round);
      good &&= verdict.ok;
      report(verdict, { unavailable, pauses }, breaches);
    }
    await play.#load?.ask('close', null);
    return good;
  }

  async #newCompany(): Promise<void> {
    const { system } = this.#prepared;
    if (!(await until(() => system.whole(), whole_wait_ms, 50))) throw new Error('the system did not come up whole');
    await this.#load?.ask('close', null);
    await this.#load?.end();
    this.#load = new Load();
    this.#judge = new Judge();
    const { clients } = this.#plan.scenario;
    const urls = clients?.urls(system) ?? system.nodes.map(({ url }) => url);
    const { length: partitions } = await system.owners();
    const users = company({ partitions, urls, generation: ++this.#generation, stay: clients !== undefined });
    this.#users = users.map(({ name }) => name);
    await this.#load.ask('open', { users, groups: groupsAmong(users), seed: this.#plan.seed });
  }

  async #round(round: number): Promise<Verdict & Times> {
    const { scenario, rate, seed: firstSeed } = this.#plan;
    const load = this.#load!;
    const seed = firstSeed + round - 1;
    const random = new SimRandom(seed).stream(scenario.name);
    const { system } = this.#prepared;
    const stage = new Stage({ system, load, seed, random, users: this.#users });
    if (!(await stage.whole(whole_wait_ms))) stage.fail('the system was not whole before the round');
    await stage.owners();
    const startedAt = nowMs();
    const sinceMs = Date.now();
    await this.#break(stage, random);
    stage.notes.generator_lag_ms = (await load.ask('stop', null)).lagMs;
    const loadedMs = nowMs() - startedAt;
    const drained = await load.ask('drain', { quietMs: drain_quiet_ms, mostMs: drain_most_ms });
    if (scenario.audits === true) await load.ask('audit', null);
    const entries = await load.ask('take', null);
    this.#prepared.after?.(stage, entries);
    const pauses = movePauses([...system.nodes, ...(system.former ?? [])].map(logOf), sinceMs);
    const verdict = this.#judge.judge(entries, {
      scenario: scenario.name,
      round,
      seed,
      startedAt,
      endedAt: nowMs(),
      users: this.#users,
      faults: stage.faults,
      healedAt: stage.healedAt,
      pauses,
      recovered: drained.complete && stage.failures.length === 0,
      notes: stage.notes,
      ackedLeast: Math.max(10, (rate * loadedMs * acked_share_least) / 1_000),
    });
    const breaches = [...verdict.breaches, ...stage.failures, ...drained.missing];
    if (!verdict.round.ok) this.#keep(verdict.round, breaches);
    return { ...verdict, pauses, breaches };
  }

  /** Load, faults, and the system's recovery from them by itself, or the stage's failures. */
  async #break(stage: Stage, random: SimRandom): Promise<void> {
    const { system, load } = stage;
    const deaths = deathsOf(system);
    await load.ask('run', { rate: this.#plan.rate });
    try {
      await pause(random.between(warm_ms.least, warm_ms.most));
      await this.#prepared.round(stage);
      if (!(await stage.served(served_wait_ms))) stage.fail('not everybody was served again in time');
      await pause(after_ms);
      // Partitions move back to a restarted node under load.
      if (!(await stage.whole(whole_wait_ms))) stage.fail('the system did not become whole again in time');
    } catch (error) {
      stage.fail(error instanceof Error ? error.message : String(error));
      await repair(system);
    }
    const fresh = [...deathsOf(system)].flatMap(([program, all]) =>
      all.slice(deaths.get(program)?.length ?? 0).map((why) => `${program.name} (${why})`),
    );
    if (fresh.length > stage.deathsAllowed) stage.fail(`ended by itself: ${fresh.join('; ')}`);
  }

  /** Leaves the evidence of a bad round beside the logs of the processes. */
  #keep(verdict: Round, words: readonly string[]): void {
    const folder = join(this.#plan.folder, `round-${verdict.round}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'round.json'), `${JSON.stringify(verdict, undefined, 2)}\n`);
    writeFileSync(join(folder, 'breaches.txt'), words.map((word) => `${word}\n`).join(''));
    writeFileSync(join(folder, 'history.jsonl'), storyOf(this.#judge.entries));
  }
}

/** How each process of the system ended whenever it ended by itself. */
function deathsOf({ nodes, nats }: System): Map<Program, readonly string[]> {
  return new Map([...nodes, ...nats].map(({ program }) => [program, [...program.deaths]]));
}

/** A scenario that broke off leaves its victims as they are: the next round needs them. */
async function repair({ nodes, nats }: System): Promise<void> {
  for (const { program } of [...nats, ...nodes]) {
    if (program.paused) program.resume();
    if (!program.running) await program.start().catch(() => undefined);
  }
}
