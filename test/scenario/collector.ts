/** A collector of traces that keeps what it is sent: OTLP over HTTP, as JSON. */
import { Receiver } from './receiver.ts';

/** Of a span what is looked at; times in ns since the Unix epoch. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
  readonly status?: { readonly code?: number };
  /** The process that it came from. */
  readonly by: string;
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue?: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<CollectedSpan, 'by'>[] }[];
  }[];
}

export class Collector extends Receiver {
  readonly #spans: CollectedSpan[] = [];
  #read = 0;

  /** All that came, as it came. */
  get text(): string {
    return this.all.map(({ body }) => String(body)).join('\n');
  }

  get spans(): readonly CollectedSpan[] {
    for (; this.#read < this.all.length; this.#read++) this.#spans.push(...spansOf(String(this.all[this.#read]?.body)));
    return this.#spans;
  }
}

function spansOf(text: string): CollectedSpan[] {
  return (JSON.parse(text) as Export).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const by = resource.attributes.find(({ key }) => key === 'service.instance.id')?.value.stringValue ?? '';
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, by })));
  });
}

export function attributeOf({ attributes }: CollectedSpan, key: string): unknown {
  const value = attributes.find((one) => one.key === key)?.value ?? {};
  return Object.values(value)[0];
}

export function startMs({ startTimeUnixNano }: CollectedSpan): number {
  return Number(BigInt(startTimeUnixNano) / 1_000n) / 1_000;
}

export function endMs({ endTimeUnixNano }: CollectedSpan): number {
  return Number(BigInt(endTimeUnixNano) / 1_000n) / 1_000;
}
