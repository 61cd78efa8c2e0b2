import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { counters } from '../../metrics/counters.ts';
import { Histogram } from '../../metrics/histogram.ts';
import { Meter } from '../../metrics/meter.ts';
import { Metrics, type Sources } from '../../metrics/registry.ts';

/** Seen from dist/test/metrics. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

const quiet: Sources = {
  node: () => ({
    fills: [{ bound: 'runtime.asks_max', used: 3, limit: 8 }],
    serving: 5,
    opening: 1,
    standingBy: 2,
    standbysStalled: 0,
    standbyLagRecords: 7,
    peers: 2,
    fitness: 'no store',
    draining: false,
    actors: 11,
    mailsWaiting: 0,
    channelMails: 0,
    journalStuckMs: 1_500,
    storeRefusesMs: 0,
  }),
  counts: () => ({ turns: 4, appends: 3, records: 2, recordTurns: 4, recordBytes: 100 }),
  edge: () => ({
    sockets: { websocket: 2, events: 1, poll: 0 },
    traffic: { framesIn: 1, bytesIn: 2, framesOut: 3, bytesOut: 4 },
    fills: [],
    uploads: 0,
    overloaded: false,
  }),
  links: () => ({ network: true, journal: false }),
};

t.test('a histogram counts a value where it is at most the bound', async (t) => {
  const histogram = new Histogram([1, 2, 5]);
  for (const value of [0.5, 1, 1.5, 5, 5.1, 100]) histogram.observe(value);
  t.strictSame(histogram.cumulative, [2, 3, 4, 6]);
  t.equal(histogram.sum, 113.1);
});

t.test('what was counted and how it is stands in the text, in seconds', async (t) => {
  const meter = new Meter();
  const metrics = new Metrics(meter, quiet);
  meter.turned('user', 0.2);
  meter.turned('user', 700);
  meter.gated(3);
  meter.appended('appended', 20, 2);
  meter.sealed(12, 5_000);
  meter.count('refusals', 'blocked', 1);
  meter.count('refusals', 'blocked', 2);
  meter.count('http_requests', 'POST /v1/files/* 200', 2);
  meter.took('http_request', 'POST /v1/files/*', 30);
  const text = await metrics.text();
  for (const line of [
    'ringpost_turn_duration_seconds_bucket{kind="user",le="0.0001"} 0',
    'ringpost_turn_duration_seconds_bucket{kind="user",le="0.00025"} 1',
    'ringpost_turn_duration_seconds_bucket{kind="user",le="1"} 2',
    'ringpost_turn_duration_seconds_bucket{kind="user",le="+Inf"} 2',
    'ringpost_turn_duration_seconds_count{kind="user"} 2',
    'ringpost_gate_wait_seconds_sum 0.003',
    'ringpost_append_duration_seconds_count{outcome="appended"} 1',
    'ringpost_append_records_bucket{le="32"} 1',
    'ringpost_record_turns_sum 12',
    'ringpost_refusals_total{code="blocked"} 3',
    'ringpost_refusals_total{code="to_self"} 0',
    'ringpost_dead_letters_total 0',
    'ringpost_http_requests_total{route="POST /v1/files/*",status="200"} 2',
    'ringpost_http_request_duration_seconds_bucket{route="POST /v1/files/*",le="0.025"} 0',
    'ringpost_http_request_duration_seconds_bucket{route="POST /v1/files/*",le="0.05"} 1',
    'ringpost_uploads_unfinished 0',
    'ringpost_partitions{state="serving"} 5',
    'ringpost_standby_lag_records 7',
    'ringpost_fit{state="no_store"} 1',
    'ringpost_fit{state="fit"} 0',
    'ringpost_journal_stuck_seconds 1.5',
    'ringpost_connected{link="journal"} 0',
    'ringpost_bound_used{bound="runtime.asks_max"} 3',
    'ringpost_bound_limit{bound="runtime.asks_max"} 8',
    'ringpost_connections{transport="websocket"} 2',
    'ringpost_frames_total{direction="out"} 3',
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
  t.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
  t.match(text, /^process_cpu_seconds_total /m);
  t.equal(await metrics.text().then((again) => again.match(/refusals_total\{code="blocked"\} (\d+)/)?.[1]), '3');
});

t.test('labels are bounded, whoever makes them', async (t) => {
  const meter = new Meter();
  for (let i = 0; i < 1_000; i++) meter.count('refusals', `code${i}`, 1);
  const sums = meter.sums('refusals');
  t.equal(sums.size, 501);
  t.equal(sums.get('other')?.value, 500);
  for (let i = 0; i < 1_000; i++) meter.took('http_request', `route${i}`, 1);
  const times = meter.times('http_request');
  t.equal(times.size, 501);
  t.equal(times.get('other')?.cumulative.at(-1), 500);
});

t.test('everything that the code counts has a metric, and every metric is counted somewhere', async (t) => {
  const named = new Set<string>();
  for (const folder of ['runtime', 'actors', 'gateway', 'tracing']) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts')) continue;
      const text = readFileSync(join(root, folder, path), 'utf8');
      for (const [, args = ''] of text.matchAll(/\bcount\(((?:[^()]|\([^()]*\))*)\)/g)) {
        // The name is all before the first comma outside of a choice: one or two words in quotes.
        const [name = ''] = args.split(/,(?![^?]*:)/, 1);
        for (const [, word = ''] of name.matchAll(/'([a-z_]+)'/g)) named.add(word);
      }
    }
  }
  t.strictSame([...named].sort(), [...counters.keys()].sort());
});
