/** The names that traces go by: on the wire of clients (W3C Trace Context), and within the cluster. */
import type { SpanContext } from '@opentelemetry/api';

/** Whether the message is on its way, or what its recipient says to it is on the way back. */
export type Way = 'forth' | 'back';

/** What the engine carries along. */
export interface Place {
  /** 32 and 16 hexadecimal digits. */
  readonly traceId: string;
  readonly spanId: string;
  readonly way: Way;
  /** When it left where it comes from, ms since the Unix epoch; undefined while it has not. */
  readonly leftMs?: number;
}

const shape = /^([0-9a-f]{32})([0-9a-f]{16})([fb])(?:\.([0-9a-z]{1,11}))?$/;
const us_in_ms = 1_000;

export function packPlace({ traceId, spanId, way, leftMs }: Place): string {
  const left = leftMs === undefined ? '' : `.${Math.round(leftMs * us_in_ms).toString(36)}`;
  return `${traceId}${spanId}${way === 'forth' ? 'f' : 'b'}${left}`;
}

/** Undefined for what is no context of this version's. */
export function unpackPlace(context: string): Place | undefined {
  const [, traceId, spanId, way, left] = shape.exec(context) ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  const place = { traceId, spanId, way: way === 'f' ? 'forth' : 'back' } as const;
  return left === undefined ? place : { ...place, leftMs: Number.parseInt(left, 36) / us_in_ms };
}

const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const sampled = 1;

/** A `traceparent` as W3C has it; undefined for what is none. */
export function parentOf(text: string): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.exec(text) ?? [];
  if (text.startsWith('ff') || !/[1-9a-f]/.test(traceId) || !/[1-9a-f]/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & sampled, isRemote: true };
}
