// The simulator can fail: each rule that is broken on purpose is found out.
import t from 'tap';
import { type BreakName, breaks } from '../../sim/breaks.ts';
import { runAll } from '../../sim/pool.ts';
import type { Verdict } from '../../sim/run.ts';

const seeds_max = 300;
const steps = 20_000;

/** What gives each away, as a rule and in the end. */
const signs: { readonly [name in BreakName]: RegExp } = {
  fencing: /^A2/,
  gate: /^A1/,
  dedup: /^A6/,
  outbox: /^(A6|converges)/,
  watermark: /^(A6|A1|converges)/,
  truncate: /^(A\d+|converges|client)/,
  standby: /^(A\d+|converges|client)/,
  neighbour: /^(A1|A6|converges)/,
  roster: /^A12/,
  amend: /^A6/,
  vanish: /^A6/,
};

t.setTimeout(600_000);

for (const broken of Object.keys(breaks) as BreakName[]) {
  t.test(`${breaks[broken].words}: found within ${seeds_max} seeds`, async (t) => {
    let found: Verdict | undefined;
    await runAll({
      runs: Array.from({ length: seeds_max }, (_, i) => ({ seed: i + 1, steps, broken })),
      judge(verdict) {
        if (verdict.failure !== undefined && verdict.failure.rule !== 'not vacuous') found ??= verdict;
        return found === undefined;
      },
    });
    const { rule, words } = found?.failure ?? { rule: 'nothing', words: 'found' };
    t.match(`${rule}: ${words}`, signs[broken], `seed ${found?.seed}`);
    t.ok(found !== undefined && found.failure !== undefined && found.failure.trace.length > 0, 'with a trace');
  });
}
