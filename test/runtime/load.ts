/** Asks that never stop, and what must have become of them afterwards. */
import { act, List } from './ledger.ts';
import { replyOf, type World } from './world.ts';

export const keys = Array.from({ length: 24 }, (_, i) => `k${i}`);

interface Asked {
  readonly key: string;
  readonly word: string;
  outcome: string;
  tookMs: number;
}

/** Asks and tells, all the time: each actor adds a word and tells another actor another one. */
export class Load {
  readonly asked: Asked[] = [];
  #going = true;

  constructor(world: World, names: readonly string[], everyMs: number) {
    const next = (): void => {
      if (!this.#going) return;
      world.time.after(everyMs, next);
      const number = this.asked.length;
      const key = keys[number % keys.length] as string;
      const name = names[number % names.length] as string;
      const one = { key, word: `w${number}`, outcome: 'open', tookMs: 0 };
      this.asked.push(one);
      const sinceMs = world.time.nowMs;
      const what = act({ add: one.word, tell: [keys[(number * 7) % keys.length] as string, `t${number}`] });
      void world
        .node(name)
        .ask(List.ref(key), what, 3_000)
        .then((answer) => {
          one.outcome = answer.kind === 'reply' ? 'reply' : `${answer.kind}: ${answer.why}`;
          one.tookMs = world.time.nowMs - sinceMs;
        });
    };
    next();
  }

  stop(): void {
    this.#going = false;
  }

  /** How often each way to end. */
  get outcomes(): { [outcome: string]: number } {
    const counts: { [outcome: string]: number } = {};
    for (const { outcome } of this.asked) counts[outcome] = (counts[outcome] ?? 0) + 1;
    return counts;
  }

  count(kind: string): number {
    return this.asked.filter(({ outcome }) => outcome.startsWith(kind)).length;
  }

  get longestMs(): number {
    return Math.max(...this.asked.map(({ tookMs }) => tookMs));
  }
}

/** Words for what was lost or doubled. */
export async function breaches(world: World, name: string, load: Load): Promise<string[]> {
  const lists = new Map<string, string[]>();
  for (const key of keys) {
    const words = await world.until(world.node(name).ask(List.ref(key), { kind: 'list' }, 20_000));
    lists.set(key, replyOf(words) as string[]);
  }
  const found: string[] = [];
  for (const [number, { key, word, outcome }] of load.asked.entries()) {
    const added = lists.get(key)?.filter((one) => one === word).length ?? 0;
    const told =
      lists.get(keys[(number * 7) % keys.length] as string)?.filter((one) => one === `t${number}`).length ?? 0;
    if (outcome === 'reply' && added !== 1) found.push(`${word}: replied, and there ${added} times`);
    if (outcome.startsWith('refused') && added !== 0) found.push(`${word}: ${outcome}, and there`);
    if (added > 1) found.push(`${word}: there ${added} times`);
    if (told !== added) found.push(`${word}: there ${added} times, and told ${told} times`);
  }
  return found;
}
