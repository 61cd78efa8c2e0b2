/** Turns what edge and engine tell of the few messages that are followed into spans. What stands in a span is words of the code and numbers. */
import {
  type Attributes,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import type { FollowedFrame, Frame, FrameTracer } from '../gateway/index.ts';
import type { FollowedAppend, FollowedTurn, Tracer } from '../runtime/index.ts';
import { type Place, packPlace, parentOf, unpackPlace, type Way } from './context.ts';
import type { TracingLimits } from './limits.ts';
import type { Count } from './queue.ts';
import { WallTime } from './time.ts';

export interface SpanTracerOptions {
  readonly spans: OtelTracer;
  /** Of the frames that come without a trace: 0 to 1. */
  readonly share: number;
  readonly limits: Pick<TracingLimits, 'client_traces_per_s_max' | 'answer_ms_max'>;
  readonly count: Count;
}

/** What a span tells besides its times. */
interface Told {
  readonly kind: SpanKind;
  readonly attributes?: Attributes;
}

/** Of each span; names by OpenTelemetry's conventions for messaging, where there are any. */
const system = { 'messaging.system': 'ringpost' };

function operation(name: 'receive' | 'process' | 'send', to: string): Attributes {
  return {
    ...system,
    'messaging.operation.name': name,
    'messaging.operation.type': name,
    'messaging.destination.name': to,
  };
}

export class SpanTracer implements Tracer, FrameTracer {
  readonly #options: SpanTracerOptions;
  readonly #time = new WallTime();
  /** Traces that clients may still begin, and when that was looked at, monotonic ms. */
  #tokens: number;
  #tokensMs = 0;

  constructor(options: SpanTracerOptions) {
    this.#options = options;
    this.#tokens = options.limits.client_traces_per_s_max;
  }

  // ---------------------------------------------------------------- at the edge

  came({ bytes, parent, after }: Frame): FollowedFrame | undefined {
    const begun = this.#begins(parent, after);
    if (begun === undefined) return undefined;
    const { from, way } = begun;
    const attributes = { ...operation('receive', 'edge'), 'messaging.message.envelope.size': bytes };
    const told = { kind: SpanKind.SERVER, attributes: { ...attributes, 'ringpost.way': way } };
    const span = this.#begin('receive frame', from, performance.now(), told);
    return { context: contextOf(span, way), handedOver: () => span.end(this.#time.of(performance.now())) };
  }

  /** Whether a frame is followed, and from where. */
  #begins(
    parent: string,
    after: string | undefined,
  ): { readonly from: SpanContext | undefined; readonly way: Way } | undefined {
    const { share, count } = this.#options;
    const given = parent === '' ? undefined : parentOf(parent);
    // A client that follows its messages by itself, and not this one.
    if (given !== undefined && (given.traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
    if (given !== undefined && this.#mayBegin()) {
      count('traces', 'client', 1);
      return { from: given, way: 'forth' };
    }
    const pushed = after === undefined ? undefined : unpackPlace(after);
    if (pushed !== undefined && this.#isRecent(pushed)) return { from: spanContextOf(pushed), way: 'back' };
    if (share === 0 || Math.random() >= share) return undefined;
    count('traces', 'share', 1);
    return { from: undefined, way: 'forth' };
  }

  #isRecent({ leftMs = 0 }: Place): boolean {
    return this.#time.of(performance.now()) - leftMs <= this.#options.limits.answer_ms_max;
  }

  #mayBegin(): boolean {
    const { client_traces_per_s_max: most } = this.#options.limits;
    const nowMs = performance.now();
    this.#tokens = Math.min(most, this.#tokens + ((nowMs - this.#tokensMs) / 1_000) * most);
    this.#tokensMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  pushed(context: string, bytes: number): string | undefined {
    const place = unpackPlace(context);
    if (place === undefined) return undefined;
    const attributes = { ...operation('send', 'client'), 'messaging.message.envelope.size': bytes };
    const span = this.#hop('push frame', place, { kind: SpanKind.PRODUCER, attributes });
    // What is said to that may begin the way back; what is said to what comes of that begins none.
    return place.way === 'back' ? undefined : this.left(contextOf(span, 'back'));
  }

  // ---------------------------------------------------------------- in the engine

  left(context: string): string {
    const place = unpackPlace(context);
    return place === undefined ? context : packPlace({ ...place, leftMs: this.#time.of(performance.now()) });
  }

  arrived(context: string, as: 'mail' | 'whisper'): string | undefined {
    const place = unpackPlace(context);
    if (place === undefined) return undefined;
    return contextOf(this.#hop(`hop ${as}`, place, { kind: SpanKind.INTERNAL, attributes: system }), place.way);
  }

  turned(context: string, { actor, mail, startMs, endMs, failed }: FollowedTurn): string {
    const place = unpackPlace(context);
    if (place === undefined) return context;
    const attributes = { ...operation('process', actor), 'ringpost.mail.kind': mail };
    const told = { kind: SpanKind.CONSUMER, attributes };
    const span = this.#begin(`process ${actor} ${mail}`, spanContextOf(place), startMs, told);
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(this.#time.of(endMs));
    return contextOf(span, place.way);
  }

  appended(context: string, { startMs, sealedMs, endMs, turns, bytes, records }: FollowedAppend): void {
    const place = unpackPlace(context);
    if (place === undefined) return;
    const attributes = {
      ...system,
      'ringpost.record.turns': turns,
      'ringpost.record.bytes': bytes,
      'ringpost.append.records': records,
    };
    const span = this.#begin('append journal', spanContextOf(place), startMs, { kind: SpanKind.CLIENT, attributes });
    span.addEvent('sealed', this.#time.of(sealedMs));
    span.end(this.#time.of(endMs));
  }

  // ---------------------------------------------------------------- spans

  /** From where it left until now. Clocks of two machines may differ by more than the way took: it takes no less than nothing. */
  #hop(name: string, place: Place, told: Told): Span {
    const nowMs = performance.now();
    const endMs = this.#time.of(nowMs);
    const startMs = Math.min(place.leftMs ?? endMs, endMs);
    const span = this.#beginAt(name, spanContextOf(place), startMs, told);
    span.end(endMs);
    return span;
  }

  #begin(name: string, from: SpanContext | undefined, startMs: number, told: Told): Span {
    return this.#beginAt(name, from, this.#time.of(startMs), told);
  }

  #beginAt(name: string, from: SpanContext | undefined, startTime: number, told: Told): Span {
    const around = from === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, from);
    return this.#options.spans.startSpan(name, { ...told, startTime }, around);
  }
}

function spanContextOf({ traceId, spanId }: Place): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
}

function contextOf(span: Span, way: Way): string {
  const { traceId, spanId } = span.spanContext();
  return packPlace({ traceId, spanId, way });
}
