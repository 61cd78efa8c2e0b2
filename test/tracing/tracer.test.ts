import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import t from 'tap';
import { SpanTracer } from '../../tracing/tracer.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const parent = `00-${traceId}-${spanId}-01`;
const plain = { bytes: 10, parent: '', after: undefined };

function made(share: number, clientTraces = 100, answerMs = 60_000) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const counted: string[] = [];
  const tracer = new SpanTracer({
    spans: provider.getTracer('test'),
    share,
    limits: { client_traces_per_s_max: clientTraces, answer_ms_max: answerMs },
    count: (name, label) => void counted.push(`${name} ${label}`),
  });
  return { tracer, counted, spans: () => exporter.getFinishedSpans() };
}

t.test('the share of frames decides what is followed; none, all, or about as many', async (t) => {
  const count = (share: number): number => {
    const { tracer } = made(share);
    return Array.from({ length: 10_000 }, () => tracer.came(plain)).filter((frame) => frame !== undefined).length;
  };
  t.equal(count(0), 0);
  t.equal(count(1), 10_000);
  const few = count(0.1);
  // Ten standard deviations.
  t.ok(few > 700 && few < 1_300, `${few} of 10,000`);
});

t.test("a client's trace goes on, unless the client does not follow it itself", async (t) => {
  const { tracer, counted, spans } = made(0);
  tracer.came({ ...plain, parent })?.handedOver();
  t.equal(tracer.came({ ...plain, parent: parent.replace(/01$/, '00') }), undefined);
  t.equal(tracer.came({ ...plain, parent: 'x'.repeat(55) }), undefined);
  const [span, ...more] = spans();
  t.equal(more.length, 0);
  t.match(span, { name: 'receive frame', kind: SpanKind.SERVER, parentSpanContext: { traceId, spanId } });
  t.equal(span?.attributes['messaging.message.envelope.size'], 10);
  t.strictSame(counted, ['traces client']);
});

t.test('A9: clients begin no more than client_traces_per_s_max traces', async (t) => {
  const { tracer } = made(0, 3);
  const begun = Array.from({ length: 50 }, () => tracer.came({ ...plain, parent }));
  t.equal(begun.slice(0, 3).filter(Boolean).length, 3);
  t.ok(begun.filter(Boolean).length < 50);
});

t.test('what is said to a followed push is the way back, and has no way back of its own', async (t) => {
  const { tracer, spans } = made(0);
  const sent = tracer.came({ ...plain, parent });
  const after = tracer.pushed(tracer.left(sent?.context ?? ''), 20);
  t.type(after, 'string');
  const answer = tracer.came({ ...plain, after });
  answer?.handedOver();
  t.equal(tracer.pushed(tracer.left(answer?.context ?? ''), 20), undefined);
  const [push, back] = spans();
  t.match(push, { name: 'push frame', kind: SpanKind.PRODUCER });
  t.match(back, { name: 'receive frame', attributes: { 'ringpost.way': 'back' } });
  t.equal(back?.parentSpanContext?.spanId, push?.spanContext().spanId);
});

t.test('what is said long after a followed push is no answer to it', async (t) => {
  const { tracer } = made(0, 100, -1);
  const sent = tracer.came({ ...plain, parent });
  const after = tracer.pushed(tracer.left(sent?.context ?? ''), 20);
  t.type(after, 'string');
  t.equal(tracer.came({ ...plain, after }), undefined);
});

t.test('turns, appends and hops hang on one another, with their times', async (t) => {
  const { tracer, spans } = made(1);
  const frame = tracer.came(plain);
  frame?.handedOver();
  const startMs = performance.now();
  const endMs = startMs + 2;
  const turn = { actor: 'user', mail: 'words', startMs, endMs, failed: false };
  const context = tracer.turned(frame?.context ?? '', turn);
  const append = { startMs: endMs, sealedMs: endMs + 1, endMs: endMs + 5, turns: 3, bytes: 400, records: 2 };
  tracer.appended(context, append);
  const arrived = tracer.arrived(tracer.left(context), 'mail') ?? '';
  tracer.turned(arrived, { ...turn, mail: 'message', failed: true });
  const [first, second, third, fourth, fifth] = spans();
  t.strictSame(
    spans().map(({ name }) => name),
    ['receive frame', 'process user words', 'append journal', 'hop mail', 'process user message'],
  );
  const hangsOn = (child: typeof first, on: typeof first) =>
    t.equal(child?.parentSpanContext?.spanId, on?.spanContext().spanId, `${child?.name} on ${on?.name}`);
  hangsOn(second, first);
  hangsOn(third, second);
  hangsOn(fourth, second);
  hangsOn(fifth, fourth);
  t.equal(new Set(spans().map((span) => span.spanContext().traceId)).size, 1);
  const [s, ns] = second?.duration ?? [0, 0];
  t.ok(Math.abs(s * 1e9 + ns - 2e6) < 1e4, 'a turn of 2 ms');
  t.strictSame(second?.endTime, third?.startTime, 'the append begins where the turn ends');
  t.match(third?.attributes, {
    'ringpost.record.turns': 3,
    'ringpost.record.bytes': 400,
    'ringpost.append.records': 2,
  });
  t.equal(third?.events[0]?.name, 'sealed');
  t.match(second?.attributes, { 'messaging.destination.name': 'user', 'ringpost.mail.kind': 'words' });
  t.equal(second?.status.code, SpanStatusCode.UNSET);
  t.equal(fifth?.status.code, SpanStatusCode.ERROR);
});

t.test('what is no context makes no span', async (t) => {
  const { tracer, spans } = made(1);
  t.equal(tracer.arrived('nonsense', 'mail'), undefined);
  t.equal(tracer.pushed('nonsense', 3), undefined);
  t.equal(tracer.left('nonsense'), 'nonsense');
  t.strictSame(spans(), []);
});
