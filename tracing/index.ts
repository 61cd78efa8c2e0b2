/** The door of the traces: what follows messages, and sends what it saw to a collector. Loaded by a node that was told to, and by no other. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { tracingLimits } from './limits.ts';
import { type Count, SpanQueue } from './queue.ts';
import { SpanTracer } from './tracer.ts';

export interface TracesTo {
  /** Of a collector that takes OTLP over HTTP, as JSON. */
  readonly url: string;
  /** Of frames that are followed, 0 to 1. */
  readonly share: number;
}

export interface TracingOptions extends TracesTo {
  /** Names the process in each span. */
  readonly node: string;
  /** `spans` and `traces`, by what became of them. */
  readonly count: Count;
}

export interface Tracing {
  readonly tracer: SpanTracer;
  /** Sends what waits, for a moment, and lets go. Never rejects. */
  close(): Promise<void>;
}

/** Takes one batch after another: it counts the last one for a moment after it has told of it. */
export function exporterTo(url: string, timeoutMillis: number): SpanExporter {
  return new OTLPTraceExporter({ url, timeoutMillis, concurrencyLimit: 2 });
}

/** Talks to nobody before there is a span: whether a collector is there shows in the counts. */
export function openTracing({ url, share, node, count }: TracingOptions): Tracing {
  const exporter = exporterTo(url, tracingLimits.export_ms_max);
  const queue = new SpanQueue(exporter, tracingLimits, count);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'ringpost', 'service.instance.id': node }),
    // What is followed is decided where it begins: of what is told here every span counts.
    sampler: new AlwaysOnSampler(),
    spanProcessors: [queue],
  });
  const tracer = new SpanTracer({ spans: provider.getTracer('ringpost'), share, limits: tracingLimits, count });
  return { tracer, close: () => provider.shutdown().catch(() => {}) };
}
