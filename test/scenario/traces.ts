/** One message, seen by a collector from the application that sends it to the device that gets it, and what that says to it. */
import { ROOT_CONTEXT, type Span, SpanKind } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Test } from 'tap';
import type { ClientOptions, RingpostClient } from '../../client/index.ts';
import { until } from './cluster.ts';
import { attributeOf, type CollectedSpan, type Collector, endMs, startMs } from './collector.ts';

/** Wall clocks of processes of one machine, as they tell them to themselves. */
const clocks_apart_ms = 5;
/** So many that some of them live on another node than the sender. */
const recipients = 10;

type Client = (user: string, options?: Partial<ClientOptions>) => Promise<RingpostClient>;

/** An application that follows its messages with OpenTelemetry's own SDK. */
function application(url: string) {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'app', 'service.instance.id': 'app' }),
    spanProcessors: [new SimpleSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${url}/v1/traces` }) })],
  });
  return { spans: provider.getTracer('app'), close: () => provider.shutdown() };
}

function traceparent(span: Span, flags = '01'): string {
  const { traceId, spanId } = span.spanContext();
  return `00-${traceId}-${spanId}-${flags}`;
}

export async function followed(t: Test, client: Client, collector: Collector): Promise<void> {
  const app = application(collector.url);
  let current: string | undefined;
  const alice = await client('trace-alice', { trace: () => current });
  const heard: string[] = [];
  const told: string[] = [];
  alice.on('receipt', ({ with: from, delivered }) => void (delivered > 0 && told.push(from)));
  await alice.connect();
  const traces: string[] = [];
  for (let i = 0; i < recipients; i++) {
    const user = `trace-bob-${i}`;
    // Frames of both encodings carry a trace.
    const bob = await client(user, { encoding: i % 2 === 0 ? 'json' : 'msgpack' });
    bob.on('message', ({ body }) => void heard.push(body));
    await bob.connect();
    const span = app.spans.startSpan('send message', { kind: SpanKind.PRODUCER }, ROOT_CONTEXT);
    traces.push(span.spanContext().traceId);
    current = traceparent(span);
    const { accepted } = alice.send(user, `trace-canary ${i}`);
    current = undefined;
    await accepted;
    span.end();
    await until('it is delivered', () => heard.length === i + 1 && told.includes(user));
  }
  const unfollowed = app.spans.startSpan('send message', {}, ROOT_CONTEXT);
  current = traceparent(unfollowed, '00');
  await alice.send('trace-bob-0', 'trace-canary without').accepted;
  current = undefined;
  const of = (traceId: string): CollectedSpan[] => collector.spans.filter((span) => span.traceId === traceId);
  await app.close();
  // Each node sends its own, in its own time.
  await until('all spans are there', () => traces.every((id) => isWhole(of(id))));

  const nodes = traces.map((traceId) => connected(t, of(traceId)));
  t.ok(
    nodes.some((count) => count >= 2),
    `over several nodes: ${nodes.join(', ')}`,
  );
  t.equal(of(unfollowed.spanContext().traceId).length, 0, 'what the application does not follow is not followed');
  t.notMatch(collector.text, /trace-(alice|bob|canary)|eyJ[\w-]+\.|phone/, 'no name, no body, no token, no device');
}

function isPush({ name }: CollectedSpan): boolean {
  return name === 'push frame';
}

/** The three pushes are there, and all that led to them. */
function isWhole(spans: readonly CollectedSpan[]): boolean {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const roots = spans.filter(({ parentSpanId = '' }) => !ids.has(parentSpanId));
  return roots.length === 1 && spans.filter(isPush).length >= 3;
}

/** One trace: every span has its parent, none begins before it. Answers over how many nodes it went. */
function connected(t: Test, spans: readonly CollectedSpan[]): number {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const roots = spans.filter(({ parentSpanId = '' }) => !byId.has(parentSpanId));
  t.strictSame(
    roots.map(({ name, by }) => [name, by]),
    [['send message', 'app']],
    'all hang on what the application does',
  );
  const early: string[] = [];
  for (const span of spans) {
    const parent = byId.get(span.parentSpanId ?? '');
    // The application's own ends with the answer; a turn has ended when what it sent leaves.
    const from = parent === undefined || parent.by === 'app' ? parent && startMs(parent) : endMs(parent);
    if (from !== undefined && startMs(span) < from - clocks_apart_ms) early.push(`${span.name} in ${parent?.name}`);
    if (endMs(span) < startMs(span)) early.push(`the end of ${span.name}`);
  }
  t.strictSame(early, [], 'nothing is before what it follows from');
  const ways = spans.filter(isPush).map((push) => wayTo(push, byId).filter((name) => !name.startsWith('hop')));
  const forth = ['send message', 'receive frame', 'process connection frame', 'process user words'];
  const arrived = [...forth, 'process user message', 'process connection news', 'push frame'];
  const back = ['receive frame', 'process connection frame', 'process user words'];
  const receipt = ['process user receipt', 'process connection news', 'push frame'];
  const has = (way: readonly string[]): boolean => ways.some((one) => one.join() === way.join());
  t.ok(has([...forth, 'process connection news', 'push frame']), 'the answer to the sender');
  t.ok(has(arrived), 'the message to the recipient');
  t.ok(has([...arrived, ...back, ...receipt]), 'the receipt to the sender');
  const appends = spans.filter(({ name }) => name === 'append journal');
  const appended = new Set(appends.map(({ parentSpanId = '' }) => byId.get(parentSpanId)?.name));
  for (const turn of ['process user words', 'process user message', 'process user receipt'])
    t.ok(appended.has(turn), `the record of ${turn}`);
  for (const append of appends)
    for (const figure of ['ringpost.record.bytes', 'ringpost.record.turns', 'ringpost.append.records'])
      t.ok(Number(attributeOf(append, figure)) > 0, figure);
  const mails = spans.filter(({ name }) => name === 'hop mail');
  for (const mail of mails) t.match(wayTo(mail, byId).at(-2), 'process user', 'a channel goes from user to user');
  return new Set(spans.map(({ by }) => by)).size - 1;
}

/** Names from the root to this one. */
function wayTo(span: CollectedSpan, byId: ReadonlyMap<string, CollectedSpan>): string[] {
  const names: string[] = [];
  for (let at: CollectedSpan | undefined = span; at !== undefined; at = byId.get(at.parentSpanId ?? ''))
    names.unshift(at.name);
  return names;
}
