/** The load's own thread, so that what the conductor does to processes never holds up a client. */
import { parentPort } from 'node:worker_threads';
import type { Answer, Kind, Order, Orders } from './orders.ts';
import { Traffic } from './traffic.ts';

let traffic = new Traffic(0);

const handlers: {
  readonly [K in Kind]: (order: Orders[K]['order']) => Promise<Orders[K]['answer']> | Orders[K]['answer'];
} = {
  async open({ users, groups, seed }) {
    traffic = new Traffic(seed);
    await traffic.open(users);
    await traffic.form(groups);
    return null;
  },
  run({ rate }) {
    traffic.run(rate);
    return null;
  },
  mark() {
    traffic.mark();
    return null;
  },
  stop: () => ({ lagMs: traffic.stop() }),
  drain: ({ quietMs, mostMs }) => traffic.drain(quietMs, mostMs),
  take: () => traffic.take(),
  servedSince: ({ since }) => traffic.servedSince(since),
  cut: () => traffic.cut(),
  async restart({ users }) {
    await traffic.restart(users);
    return null;
  },
  async audit() {
    await traffic.audit();
    return null;
  },
  whereabouts: () => traffic.whereabouts(),
  async close() {
    await traffic.close();
    return null;
  },
};

function say(answer: Answer): void {
  parentPort?.postMessage(answer);
}

parentPort?.on('message', ({ id, kind, order }: Order) => {
  const handle = handlers[kind] as (order: unknown) => unknown;
  const answered = (async () => handle(order))();
  answered.then(
    (answer) => say({ id, answer }),
    (error: unknown) => say({ id, failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
