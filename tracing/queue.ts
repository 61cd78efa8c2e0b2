/** Ended spans on their way to the collector: a bounded queue, one request at a time. What it does not take is dropped, and counted. */
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { TracingLimits } from './limits.ts';

export type Count = (name: string, label: string, by: number) => void;

type QueueLimits = Pick<TracingLimits, 'spans_waiting_max' | 'batch_spans_max' | 'batch_wait_ms' | 'last_spans_ms_max'>;

/** As `ExportResult` says it. */
const success = 0;

export class SpanQueue implements SpanProcessor {
  readonly #exporter: SpanExporter;
  readonly #limits: QueueLimits;
  readonly #count: Count;
  #waiting: ReadableSpan[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(exporter: SpanExporter, limits: QueueLimits, count: Count) {
    this.#exporter = exporter;
    this.#limits = limits;
    this.#count = count;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const { spans_waiting_max, batch_spans_max } = this.#limits;
    if (this.#closed || this.#waiting.length >= spans_waiting_max) {
      this.#count('spans', 'dropped', 1);
      this.#count('bounds_reached', 'tracing.spans_waiting_max', 1);
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= batch_spans_max) this.#send();
    else this.#sendSoon();
  }

  /** Resolves when nothing waits any more, or after `last_spans_ms_max`. */
  async forceFlush(): Promise<void> {
    const endMs = performance.now() + this.#limits.last_spans_ms_max;
    for (;;) {
      this.#send();
      if (this.#sending === undefined) return;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || !(await settledWithin(this.#sending, leftMs))) return;
    }
  }

  /** What still waits afterwards is dropped. */
  async shutdown(): Promise<void> {
    if (this.#closed) return;
    await this.forceFlush();
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0) this.#count('spans', 'dropped', this.#waiting.length);
    this.#waiting = [];
    await settledWithin(this.#exporter.shutdown(), this.#limits.last_spans_ms_max);
  }

  #sendSoon(): void {
    if (this.#timer !== undefined || this.#sending !== undefined) return;
    this.#timer = setTimeout(() => this.#send(), this.#limits.batch_wait_ms);
    this.#timer.unref();
  }

  #send(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#waiting.splice(0, this.#limits.batch_spans_max);
    this.#sending = this.#export(batch).then((outcome) => {
      this.#count('spans', outcome, batch.length);
      this.#sending = undefined;
      if (this.#closed || this.#waiting.length === 0) return;
      if (outcome === 'sent' && this.#waiting.length >= this.#limits.batch_spans_max) this.#send();
      // A collector that takes nothing is not asked more often for it.
      else this.#sendSoon();
    });
  }

  #export(batch: ReadableSpan[]): Promise<'sent' | 'failed'> {
    return new Promise((resolve) => {
      try {
        this.#exporter.export(batch, ({ code }) => resolve(code === success ? 'sent' : 'failed'));
      } catch {
        resolve('failed');
      }
    });
  }
}

/** Never rejects. */
async function settledWithin(what: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const settled = what.then(
    () => true,
    () => true,
  );
  const isSettled = await Promise.race([settled, late]);
  clearTimeout(timer);
  return isSettled;
}
