import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import t, { type Test } from 'tap';
import { exporterTo } from '../../tracing/index.ts';
import { type TracingLimits, tracingLimits } from '../../tracing/limits.ts';
import { SpanQueue } from '../../tracing/queue.ts';
import { until } from '../scenario/cluster.ts';
import { Collector } from '../scenario/collector.ts';

function queueTo(t: Test, url: string, more: Partial<TracingLimits> = {}) {
  const limits: TracingLimits = { ...tracingLimits, batch_wait_ms: 5, ...more };
  const exporter = exporterTo(`${url}/v1/traces`, limits.export_ms_max);
  const counted = new Map<string, number>();
  const queue = new SpanQueue(exporter, limits, (name, label, by) =>
    counted.set(`${name} ${label}`, (counted.get(`${name} ${label}`) ?? 0) + by),
  );
  const provider = new TracerProvider({ spanProcessors: [queue] });
  t.teardown(() => provider.shutdown());
  const spans = provider.getTracer('test');
  const end = (count: number): void => {
    for (let i = 0; i < count; i++) spans.startSpan(`span ${i}`).end();
  };
  return { queue, end, of: (what: string) => counted.get(what) ?? 0 };
}

async function collector(t: Test): Promise<Collector> {
  const one = new Collector();
  await one.start();
  t.teardown(() => one.stop());
  return one;
}

/** An address where nobody listens. */
async function nowhere(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

t.test('all spans come to the collector, in batches, in order', async (t) => {
  const to = await collector(t);
  const { end, of } = queueTo(t, to.url, { batch_spans_max: 10 });
  end(25);
  await until('all are sent', () => of('spans sent') === 25);
  t.strictSame(
    to.spans.map(({ name }) => name),
    Array.from({ length: 25 }, (_, i) => `span ${i}`),
  );
  t.equal(to.all.length, 3);
});

t.test('A9: spans beyond spans_waiting_max are dropped, and counted', async (t) => {
  const to = await collector(t);
  const { end, of } = queueTo(t, to.url, { spans_waiting_max: 20, batch_spans_max: 20 });
  // The first batch is on its way at once, and what waits behind it is bounded.
  end(100);
  t.equal(of('spans dropped'), 60);
  t.equal(of('bounds_reached tracing.spans_waiting_max'), 60);
  await until('the others are sent', () => of('spans sent') === 40);
});

t.test('a collector that is not there costs nothing but spans, and is found again', async (t) => {
  const { end, of } = queueTo(t, await nowhere(), { export_ms_max: 100 });
  end(3);
  await until('the spans are given up', () => of('spans failed') === 3);
  end(2);
  await until('the next ones, too', () => of('spans failed') === 5);
});

t.test('a collector that refuses is asked again with what comes later', async (t) => {
  const to = await collector(t);
  to.status = () => 400;
  const { end, of } = queueTo(t, to.url);
  end(3);
  await until('the spans are given up', () => of('spans failed') === 3);
  to.status = () => 200;
  end(4);
  await until('the next ones are taken', () => of('spans sent') === 4);
});

t.test('when it is closed what waits is sent, or dropped if nobody takes it', async (t) => {
  const to = await collector(t);
  const taken = queueTo(t, to.url, { batch_wait_ms: 60_000 });
  taken.end(3);
  await taken.queue.shutdown();
  t.equal(taken.of('spans sent'), 3);
  taken.end(1);
  t.equal(taken.of('spans dropped'), 1);

  const lost = queueTo(t, await nowhere(), { batch_spans_max: 10, last_spans_ms_max: 50 });
  lost.end(25);
  await lost.queue.shutdown();
  t.ok(lost.of('spans failed') + lost.of('spans dropped') >= 15);
});
