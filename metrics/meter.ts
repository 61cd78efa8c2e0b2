/** What a process has counted since its start: the runtime's Probe. Numbers in memory, which are read when somebody asks. */
import type { Probe } from '../runtime/index.ts';
import { append_ms, bytes, records, took_ms, turn_ms, turns } from './buckets.ts';
import { Histogram } from './histogram.ts';

/** Labels of one count; one more counts as `other`. There are far fewer, for they are words of the code. */
const labels_max = 500;

interface Sum {
  value: number;
}

export class Meter implements Probe {
  /** By kind of actor. */
  readonly turnMs = new Map<string, Histogram>();
  readonly gateMs = new Histogram(append_ms);
  /** By outcome. */
  readonly appendMs = new Map<string, Histogram>();
  readonly appendRecords = new Histogram(records);
  readonly recordTurns = new Histogram(turns);
  readonly recordBytes = new Histogram(bytes);
  readonly #took = new Map<string, Map<string, Histogram>>();
  readonly #counts = new Map<string, Map<string, Sum>>();

  turned(kind: string, ms: number): void {
    of(this.turnMs, kind, turn_ms).observe(ms);
  }

  gated(ms: number): void {
    this.gateMs.observe(ms);
  }

  appended(outcome: string, recordsInIt: number, ms: number): void {
    of(this.appendMs, outcome, append_ms).observe(ms);
    if (outcome === 'appended') this.appendRecords.observe(recordsInIt);
  }

  sealed(turnsInIt: number, bytesOfIt: number): void {
    this.recordTurns.observe(turnsInIt);
    this.recordBytes.observe(bytesOfIt);
  }

  count(name: string, label: string, by: number): void {
    let sums = this.#counts.get(name);
    if (sums === undefined) {
      sums = new Map();
      this.#counts.set(name, sums);
    }
    let sum = sums.get(label);
    if (sum === undefined) {
      const key = sums.size < labels_max ? label : 'other';
      sum = sums.get(key) ?? { value: 0 };
      sums.set(key, sum);
    }
    sum.value += by;
  }

  took(name: string, label: string, ms: number): void {
    let histograms = this.#took.get(name);
    if (histograms === undefined) {
      histograms = new Map();
      this.#took.set(name, histograms);
    }
    of(histograms, histograms.size < labels_max || histograms.has(label) ? label : 'other', took_ms).observe(ms);
  }

  /** By label, ms. */
  times(name: string): ReadonlyMap<string, Histogram> {
    return this.#took.get(name) ?? new Map();
  }

  /** By label. */
  sums(name: string): ReadonlyMap<string, Readonly<Sum>> {
    return this.#counts.get(name) ?? new Map();
  }
}

function of(histograms: Map<string, Histogram>, label: string, bounds: readonly number[]): Histogram {
  let histogram = histograms.get(label);
  if (histogram === undefined) {
    histogram = new Histogram(bounds);
    histograms.set(label, histogram);
  }
  return histogram;
}
