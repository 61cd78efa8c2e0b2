/** `npm run chaos`: the breaker. The outer process makes the enclosure, the inner one plays the scenarios in it. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Endings } from '../scripts/endings.ts';
import { findNatsServer } from '../scripts/nats-server.ts';
import { freshFolder, keep, mayEnclose, runInside } from './enclosure.ts';
import { whyNot } from './needs.ts';
import { BadOption, help, type Options, optionsOf } from './options.ts';
import { lineOf, type Summary, summaryOf, tableOf } from './report.ts';
import { Play } from './run.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';
import type { Round } from './verdict.ts';

/** Of what was wrong in a round, on the terminal. */
const words_told_max = 12;
const self = fileURLToPath(import.meta.url);

async function main(args: readonly string[]): Promise<number> {
  const options = optionsOf(
    args,
    scenarios.map(({ name }) => name),
  );
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  if (options.list) {
    for (const { name, about } of scenarios) process.stdout.write(`${name.padEnd(18)} ${about}\n`);
    return 0;
  }
  if (options.scenarios.length === 0) throw new BadOption('--scenario is missing');
  return options.inside === undefined ? outside(options, args) : inside(options, options.inside);
}

async function outside(options: Options, args: readonly string[]): Promise<number> {
  // Inside there is no network to fetch it by.
  await findNatsServer();
  const folder = freshFolder(options.data);
  const enclosed = mayEnclose();
  const words = [...args, '--inside', folder, ...(enclosed ? ['--enclosed'] : [])];
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const code = await runInside([process.execPath, '--enable-source-maps', self, ...words], enclosed);
  process.off('exit', remove);
  if (code === 1 || options.keep) {
    keep(folder);
    process.stderr.write(`histories and logs are in ${folder}\n`);
  } else remove();
  return code;
}

async function inside(options: Options, folder: string): Promise<number> {
  const endings = new Endings();
  process.stdin.once('end', () => void endings.run().then(() => process.exit(130))).resume();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => void endings.run().then(() => process.exit(130)));
  }
  if (options.enclosed) execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const summaries: Summary[] = [];
  for (const name of options.scenarios) {
    const scenario = scenarios.find((one) => one.name === name)!;
    const summary = await play(scenario, options, join(folder, name), endings);
    summaries.push(summary);
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  }
  if (!options.json) process.stdout.write(tableOf(summaries));
  return summaries.every(({ bad_rounds: bad }) => bad === 0) ? 0 : 1;
}

async function play(scenario: Scenario, options: Options, folder: string, endings: Endings): Promise<Summary> {
  const notRun = whyNot(scenario.needs ?? [], options.enclosed);
  if (notRun !== '') {
    process.stderr.write(`${scenario.name} is not run: ${notRun}\n`);
    return summaryOf(scenario.name, [], { unavailable: [], pauses: [] }, notRun);
  }
  const rounds: Round[] = [];
  const all = { unavailable: [] as number[], pauses: [] as number[] };
  const { seed, minutes, rate, set } = options;
  try {
    await Play.run(
      { scenario, seed, rounds: options.rounds, minutes, rate, set, folder },
      endings,
      (round, times, words) => {
        rounds.push(round);
        all.unavailable.push(...times.unavailable);
        all.pauses.push(...times.pauses);
        process.stdout.write(`${options.json ? JSON.stringify(round) : lineOf(round)}\n`);
        for (const word of shortened(words)) process.stderr.write(`  ${word}\n`);
      },
    );
  } catch (error) {
    process.stderr.write(
      `${scenario.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    await endings.run();
    return { ...summaryOf(scenario.name, rounds, all), bad_rounds: rounds.length + 1 };
  }
  await endings.run();
  return summaryOf(scenario.name, rounds, all);
}

function shortened(words: readonly string[]): readonly string[] {
  const more = words.length - words_told_max;
  return more > 0 ? [...words.slice(0, words_told_max), `… and ${more} more; all are in breaches.txt`] : words;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const usage = error instanceof BadOption;
    process.stderr.write(
      usage ? `${error.message}\n\n${help}` : `${error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exit(usage ? 2 : 1);
  },
);
