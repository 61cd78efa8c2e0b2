// Many worlds, whatever goes wrong in them: the rules of ARCHITECTURE §2 hold, and a seed always goes the same way.
import t from 'tap';
import { runAll } from '../../sim/pool.ts';
import type { Verdict } from '../../sim/run.ts';

const seeds = 200;
const steps = 20_000;

t.setTimeout(600_000);

/** Words that a person can go on with. */
function told({ seed, failure }: Verdict): string {
  return `npm run sim -- --seed ${seed} --steps ${steps}: ${failure?.rule}: ${failure?.words}`;
}

t.test(
  `A1 to A11 hold in ${seeds} worlds, and each, run again with every frame followed, goes the same way`,
  async (t) => {
    const hashes = new Map<number, string>();
    const failures: string[] = [];
    const differing: number[] = [];
    const fired = new Set<string>();
    const followed = { turns: 0, hops: 0, appends: 0, strays: 0 };
    const all = Array.from({ length: seeds }, (_, i) => i + 1);
    await runAll({
      // Again in another order, and so as a rule in another process, after other worlds.
      runs: [
        ...all.map((seed) => ({ seed, steps })),
        ...all.toReversed().map((seed) => ({ seed, steps, followed: true })),
      ],
      judge(verdict) {
        const before = hashes.get(verdict.seed);
        if (before !== undefined && before !== verdict.hash) differing.push(verdict.seed);
        hashes.set(verdict.seed, verdict.hash);
        if (verdict.failure !== undefined && before === undefined) failures.push(told(verdict));
        for (const mishap of Object.keys(verdict.fired)) fired.add(mishap);
        for (const what of ['turns', 'hops', 'appends', 'strays'] as const)
          followed[what] += verdict.followed?.[what] ?? 0;
        return true;
      },
    });
    t.same(failures, []);
    t.same(differing, [], 'the same seed twice: the same trace');
    t.equal(hashes.size, seeds);
    t.equal(new Set(hashes.values()).size, seeds, 'each seed is a world of its own');
    t.equal(followed.strays, 0, 'what left with a trace arrived with it');
    for (const what of ['turns', 'hops', 'appends'] as const)
      t.ok(followed[what] > seeds * 100, `${followed[what]} ${what} were followed`);
    t.ok(fired.size >= 20, `mishaps of ${fired.size} kinds happened: ${[...fired].join(', ')}`);
  },
);
