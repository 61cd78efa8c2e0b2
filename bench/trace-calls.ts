/** What the calls of the traces take by themselves: `node dist/bench/trace-calls.js`. Their number a message is in bench/README.md. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Followed } from '../gateway/followed.ts';
import { openTracing } from '../tracing/index.ts';

const rounds = 5_000_000;
const traces = 20_000;
/** Traces between two pauses in which what waits is sent. */
const traces_at_once = 250;

function nsOf(calls: number, run: (i: number) => void): number {
  for (let i = 0; i < calls / 10; i++) run(i);
  const before = process.cpuUsage();
  for (let i = 0; i < calls; i++) run(i);
  return nsSince(before) / calls;
}

/** Processor time, so that what else the machine does counts little. */
function nsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1_000;
}

function say(what: string, ns: number): void {
  process.stdout.write(`${what}: ${ns < 1_000 ? `${ns.toFixed(1)} ns` : `${(ns / 1_000).toFixed(1)} µs`}\n`);
}

const server = createServer((request, response) => {
  request.resume().once('end', () => response.writeHead(200).end());
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
const count = (): void => {};
const { tracer, close } = openTracing({ url, share: 0.001, node: 'bench', count });

const frame = new Uint8Array(200).fill(0x81);
const off = new Followed(undefined);
say(
  'a frame, no traces',
  nsOf(rounds, () => off.came(frame)),
);
const on = new Followed(tracer);
const unsampled = nsOf(rounds, () => {
  on.came(frame);
  on.handedOver(frame);
});
say('a frame at a share of 0.001, those that are followed included', unsampled);

/** The spans of one message as it is in one process: frame, turns, records, a channel, pushes. */
function follow(): void {
  const one = tracer.came({ bytes: 200, parent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, after: undefined });
  const at = one?.context ?? `${'a'.repeat(32)}${'b'.repeat(16)}f`;
  one?.handedOver();
  const startMs = performance.now();
  const turn = { actor: 'user', mail: 'words', startMs, endMs: startMs + 1, failed: false };
  const append = { startMs, sealedMs: startMs + 1, endMs: startMs + 2, turns: 4, bytes: 900, records: 3 };
  const first = tracer.turned(tracer.turned(at, turn), turn);
  tracer.appended(first, append);
  tracer.pushed(tracer.left(tracer.turned(first, turn)), 100);
  const there = tracer.turned(tracer.arrived(tracer.left(first), 'mail') ?? '', turn);
  tracer.appended(there, append);
  tracer.pushed(tracer.left(tracer.turned(there, turn)), 300);
}

const before = process.cpuUsage();
for (let i = 0; i < traces; i++) {
  follow();
  if (i % traces_at_once === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}
await close();
say('a followed message of 11 spans, packed and sent', nsSince(before) / traces);
server.close();
server.closeAllConnections();
