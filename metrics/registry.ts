/** The metrics of a process as Prometheus reads them: what the meter has counted, and how node and edge are at this moment. */
import { Counter, collectDefaultMetrics, Gauge, type Histogram as PromHistogram, Registry } from 'prom-client';
import type { EdgeFigures } from '../gateway/index.ts';
import type { NodeCounts, NodeFigures } from '../runtime/index.ts';
import { type CounterEntry, counters } from './counters.ts';
import { gauges, type Now, totals } from './gauges.ts';
import type { Histogram } from './histogram.ts';
import type { Meter } from './meter.ts';

/** What is looked at when somebody asks. */
export interface Sources {
  node(): NodeFigures;
  counts(): NodeCounts;
  edge(): EdgeFigures;
  /** Connections to the others, and to NATS: by name, 1 for up. */
  links(): { readonly [name: string]: boolean };
}

interface Shown {
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  /** From what was observed to what is told. */
  readonly scale: number;
  by(meter: Meter): Iterable<readonly [label: string, histogram: Histogram]>;
}

const ms_in_s = 1 / 1_000;

const histograms: readonly Shown[] = [
  {
    name: 'ringpost_turn_duration_seconds',
    help: 'How long turns took, by kind of actor.',
    label: 'kind',
    scale: ms_in_s,
    by: ({ turnMs }) => turnMs,
  },
  {
    name: 'ringpost_gate_wait_seconds',
    help: 'From the end of a turn to the acknowledgement of its record: until then nothing of it leaves.',
    scale: ms_in_s,
    by: ({ gateMs }) => [['', gateMs]],
  },
  {
    name: 'ringpost_append_duration_seconds',
    help: 'How long the journal took to answer an append, by what it answered.',
    label: 'outcome',
    scale: ms_in_s,
    by: ({ appendMs }) => appendMs,
  },
  {
    name: 'ringpost_append_records',
    help: 'Records in one append.',
    scale: 1,
    by: ({ appendRecords }) => [['', appendRecords]],
  },
  {
    name: 'ringpost_record_turns',
    help: 'Turns in one record.',
    scale: 1,
    by: ({ recordTurns }) => [['', recordTurns]],
  },
  {
    name: 'ringpost_record_bytes',
    help: 'Bytes of one record.',
    scale: 1,
    by: ({ recordBytes }) => [['', recordBytes]],
  },
  {
    name: 'ringpost_http_request_duration_seconds',
    help: 'How long requests over HTTP took to be answered, by route; where bytes come in or go out, until the last of them.',
    label: 'route',
    scale: ms_in_s,
    by: (meter) => meter.times('http_request'),
  },
  {
    name: 'ringpost_file_look_duration_seconds',
    help: 'How long it took to look into an uploaded file, and to make an image anew, by what it was found to be.',
    label: 'outcome',
    scale: ms_in_s,
    by: (meter) => meter.times('file_look'),
  },
];

/** A label says two things where it is called by two names: the last space stands between them. */
function labelsOf(label: CounterEntry['label'], value: string): { [name: string]: string } {
  if (label === undefined) return {};
  if (typeof label === 'string') return { [label]: value };
  const at = value.lastIndexOf(' ');
  return { [label[0]]: at < 0 ? value : value.slice(0, at), [label[1]]: value.slice(at + 1) };
}

export class Metrics {
  readonly #meter: Meter;
  readonly #sources: Sources;
  readonly #registry = new Registry();
  readonly #counters = new Map<string, { readonly entry: CounterEntry; readonly counter: Counter }>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #totals = new Map<string, Counter>();

  constructor(meter: Meter, sources: Sources) {
    this.#meter = meter;
    this.#sources = sources;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    for (const [name, entry] of counters) {
      const labelNames = Object.keys(labelsOf(entry.label, ''));
      const counter = new Counter({ name: `ringpost_${name}_total`, help: entry.help, labelNames, registers });
      this.#counters.set(name, { entry, counter });
    }
    for (const { name, help, label } of gauges) {
      const make = { name: `ringpost_${name}`, help, labelNames: label === undefined ? [] : [label], registers };
      this.#gauges.set(name, new Gauge(make));
    }
    for (const { name, help, label } of totals) {
      const make = { name: `ringpost_${name}`, help, labelNames: label === undefined ? [] : [label], registers };
      this.#totals.set(name, new Counter(make));
    }
    for (const shown of histograms) this.#registry.registerMetric(asMetric(shown, meter));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In Prometheus' text format. */
  async text(): Promise<string> {
    const now = this.#look();
    this.#count();
    this.#gauge(now);
    return this.#registry.metrics();
  }

  #count(): void {
    for (const [name, { entry, counter }] of this.#counters) {
      counter.reset();
      const { label, from = [] } = entry;
      if (label === undefined) counter.inc(this.#meter.sums(name).get('')?.value ?? 0);
      else {
        for (const each of from) counter.inc(labelsOf(label, each), 0);
        for (const [each, { value }] of this.#meter.sums(name)) counter.inc(labelsOf(label, each), value);
      }
    }
  }

  #look(): Now {
    const { node, counts, edge, links } = this.#sources;
    return { node: node(), counts: counts(), edge: edge(), links: links() };
  }

  #gauge(now: Now): void {
    for (const { name, label, read } of gauges) {
      const gauge = this.#gauges.get(name);
      gauge?.reset();
      for (const [each, value] of read(now)) {
        if (label === undefined) gauge?.set(value);
        else gauge?.set({ [label]: each }, value);
      }
    }
    for (const { name, label, read } of totals) {
      const total = this.#totals.get(name);
      total?.reset();
      for (const [each, value] of read(now)) {
        if (label === undefined) total?.inc(value);
        else total?.inc({ [label]: each }, value);
      }
    }
  }
}

/** prom-client's own histograms are made for their own observing, which takes several times as long. A registry wants no more than this of one. */
function asMetric({ name, help, label, scale, by }: Shown, meter: Meter): PromHistogram {
  const get = async () => {
    const values = [];
    for (const [each, histogram] of by(meter)) {
      const labels = label === undefined ? {} : { [label]: each };
      const { bounds, cumulative, sum } = histogram;
      const total = cumulative[bounds.length] ?? 0;
      for (const [i, bound] of bounds.entries()) {
        const le = Number((bound * scale).toPrecision(12));
        values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative[i] ?? 0 });
      }
      values.push({ metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total });
      values.push({ metricName: `${name}_sum`, labels, value: sum * scale });
      values.push({ metricName: `${name}_count`, labels, value: total });
    }
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  };
  return { name, help, get, reset() {} } as unknown as PromHistogram;
}
