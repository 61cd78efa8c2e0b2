/** The benchmarks run, and what they print is whole. What they measure is nobody's business here. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { whyNoProc } from '../../bench/proc.ts';

const bench = fileURLToPath(new URL('../../bench/main.js', import.meta.url));
const top = fileURLToPath(new URL('../../bench/top.js', import.meta.url));
const skip = whyNoProc() ?? false;

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(program: string, args: readonly string[], started: (child: ChildProcess) => void = () => undefined) {
  return new Promise<Outcome>((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
    started(child);
  });
}

type Figures = { readonly [name: string]: unknown };

function figuresIn({ out }: Outcome): Figures[] {
  const lines = out.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Figures);
}

/** A folder for data, and a check that the run leaves nothing in it. */
function dataFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-bench-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function hasNumbers(t: Test, figures: Figures, names: readonly string[]): void {
  const missing = names.filter((name) => !(typeof figures[name] === 'number' && figures[name] >= 0));
  t.strictSame(missing, [], `${String(figures.workload)} has all its figures`, { figures });
}

function hasPercentiles(t: Test, value: unknown): void {
  const { p50, p99 } = value as { p50: number; p99: number };
  t.ok(p50 > 0 && p99 >= p50, 'percentiles are in order', { p50, p99 });
}

const shared = ['seconds', 'node_cpu_us', 'server_cpu_us', 'nats_cpu_us', 'rss_mb', 'lost', 'other_cores'];
const actorNumbers = [...shared.map((name) => name.replace(/_us$/, '_us_per_call')), 'calls', 'calls_per_s', 'doubled'];
const chatNumbers = [
  ...shared.map((name) => name.replace(/_us$/, '_us_per_msg')),
  ...['msg_per_s', 'gen_cpu_us_per_msg', 'turns_per_record', 'duplicates', 'out_of_order', 'unread', 'unanswered'],
];

t.test('actors: every workload of the embedded profile', { skip }, async (t) => {
  const data = dataFolder(t);
  const options = ['--seconds', '0.7', '--warm', '0.3', '--actors', '50', '--activations', '2000', '--data', data];
  const outcome = await run(bench, ['actors', '--profile', 'embedded', '--json', ...options]);
  t.equal(outcome.code, 0, 'it ends well', { err: outcome.err });
  const all = figuresIn(outcome);
  t.strictSame(
    all.map(({ workload }) => workload),
    ['calls', 'sequential', 'actor-to-actor', 'read', 'activations'],
  );
  for (const figures of all) {
    hasNumbers(t, figures, actorNumbers);
    hasPercentiles(t, figures.ms);
    t.match(figures, { profile: 'embedded', errors: {}, unknown: 0, lost: 0, doubled: 0, gen_cpu_us_per_call: null });
  }
  t.match(all[0], { turns_per_record: Number, records_per_append: Number });
  t.match(all[4], { calls: 2_000, heap_bytes_per_actor: Number, rss_bytes_per_actor: Number });
  t.strictSame(readdirSync(data), [], 'the data are gone');
});

t.test('one2one: a closed loop', { skip }, async (t) => {
  const data = dataFolder(t);
  const options = ['--users', '20', '--seconds', '1', '--warm', '0.5', '--data', data];
  const outcome = await run(bench, ['one2one', '--profile', 'embedded', '--json', ...options]);
  t.equal(outcome.code, 0, 'it ends well', { err: outcome.err });
  const [figures = {}, ...more] = figuresIn(outcome);
  t.equal(more.length, 0, 'one line');
  checkChat(t, figures);
  t.match(figures, { profile: 'embedded', users: 20, inflight: 4, rate: null });
  t.strictSame(readdirSync(data), [], 'the data are gone');
});

t.test('one2one: an open loop', { skip }, async (t) => {
  const options = ['--users', '10', '--rate', '100', '--seconds', '1', '--warm', '0.5', '--data', dataFolder(t)];
  const outcome = await run(bench, ['one2one', '--profile', 'embedded', '--json', ...options]);
  t.equal(outcome.code, 0, 'it ends well', { err: outcome.err });
  const [figures = {}] = figuresIn(outcome);
  checkChat(t, figures);
  t.match(figures, { inflight: null, rate: 100 });
});

function checkChat(t: Test, figures: Figures): void {
  hasNumbers(t, figures, chatNumbers);
  for (const name of ['ms_sent', 'ms_delivered', 'ms_read']) hasPercentiles(t, figures[name]);
  const whole = { lost: 0, duplicates: 0, out_of_order: 0, unread: 0, unanswered: 0, reconnects: 0, refused: {} };
  t.match(figures, whole, 'every message came once, in order, and was read');
}

const groupNumbers = [
  ...shared.map((name) => name.replace(/_us$/, '_us_per_delivery')),
  ...['members', 'senders', 'messages', 'msg_per_s', 'deliveries_per_s', 'turns_per_msg', 'gen_cores', 'accepted'],
];

t.test('group: a closed loop, and an open one of two generators', { skip }, async (t) => {
  const data = dataFolder(t);
  const options = ['--members', '12', '--senders', '2', '--seconds', '3', '--warm', '1', '--data', data];
  const loops = [
    { given: ['--inflight', '2'], shown: { generators: 1, inflight: 2, rate: null } },
    { given: ['--rate', '20', '--generators', '2'], shown: { generators: 2, inflight: null, rate: 20 } },
  ];
  for (const { given, shown } of loops) {
    const outcome = await run(bench, ['group', '--profile', 'embedded', '--json', ...options, ...given]);
    t.equal(outcome.code, 0, 'it ends well', { err: outcome.err });
    const [figures = {}] = figuresIn(outcome);
    hasNumbers(t, figures, groupNumbers);
    const { ms_sent, ms_first_member, ms_last_member, ms_delivered_all } = figures;
    for (const ms of [ms_sent, ms_first_member, ms_last_member, ms_delivered_all]) hasPercentiles(t, ms);
    const whole = { lost: 0, duplicates: 0, out_of_order: 0, undelivered: 0, unanswered: 0, refused: {}, troubles: {} };
    t.match(figures, { ...whole, ...shown, members: 12, senders: 2 }, 'every message came to all, once and in order');
  }
  t.strictSame(readdirSync(data), [], 'the data are gone');
});

t.test('a CPU profile of the nodes, and what is at its top', { skip }, async (t) => {
  const options = ['--workload', 'calls', '--seconds', '0.5', '--warm', '0.2', '--data', dataFolder(t)];
  const outcome = await run(bench, ['actors', '--profile', 'embedded', '--profile-cpu', ...options]);
  t.equal(outcome.code, 0, 'it ends well', { err: outcome.err });
  const folder = /(\S+)\/\*\.0\.001\.cpuprofile/.exec(outcome.err)?.[1] ?? '';
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const name = (await readdir(folder)).find((file) => file.endsWith('.0.001.cpuprofile')) ?? '';
  const report = await run(top, ['--window', 'calls', '--top', '40', join(folder, name)]);
  t.equal(report.code, 0, 'the report ends well', { err: report.err });
  t.match(report.out, /^Busy \d/);
  // Half a second has few samples: which of the engine's files they fall into is chance.
  t.match(report.out, /runtime\/[a-z-]+\.js/);
});

t.test('Ctrl-C ends everything', { skip }, async (t) => {
  const data = dataFolder(t);
  const options = ['--seconds', '60', '--data', data, '--workload', 'sequential'];
  const outcome = await run(bench, ['actors', '--profile', 'embedded', ...options], (child) => {
    const timer = setInterval(() => {
      if (readdirSync(data).length === 0) return;
      clearInterval(timer);
      child.kill('SIGINT');
    }, 300);
  });
  t.equal(outcome.code, 130);
  t.strictSame(readdirSync(data), [], 'the data are gone');
});

t.test('words for the command line', async (t) => {
  const cases: readonly (readonly [args: string, code: number, words: RegExp])[] = [
    ['--help', 0, /actors .*one2one/s],
    ['actors --help', 0, /--activations N/],
    ['one2one --help', 0, /--rate N/],
    ['', 2, /Usage/],
    ['actor --profile embedded', 2, /no benchmark "actor": actors or one2one/],
    ['actors', 2, /--profile is missing: embedded or cluster/],
    ['actors --profile both', 2, /--profile takes embedded or cluster, not "both"/],
    ['actors --profile embedded --workload call', 2, /--workload takes calls, .*not "call"/],
    ['actors --profile embedded --partitions 3', 2, /power of two/],
    ['actors --profile embedded --set fast=1', 2, /--set takes BOUND=N/],
    ['one2one --profile embedded --rate fast', 2, /--rate takes a number from 1 to 1000000, not "fast"/],
    ['one2one --profile embedded --users 3', 2, /even number/],
    ['one2one --profile embedded --rate 5 --inflight 4', 2, /exclude each other/],
    ['one2one --profile embedded --speed 5', 2, /--speed/],
    ['group --help', 0, /--members N/],
    ['group --profile embedded --members 1', 2, /--members takes a whole number from 2 /],
    ['group --profile embedded --members 8 --generators 4 --senders 3', 2, /--senders takes at most the members/],
    ['group --profile embedded --members 8 --generators 5', 2, /--generators takes at most half/],
  ];
  const found = await Promise.all(
    cases.map(async ([args, code, words]) => {
      const outcome = await run(bench, args === '' ? [] : args.split(' '));
      return { args, ok: outcome.code === code && words.test(outcome.out + outcome.err), outcome };
    }),
  );
  for (const { args, ok, outcome } of found) t.ok(ok, `bench ${args}`, { outcome });
});
