/** A node with ledgers in a process of its own, told over IPC what to do: for scenarios that pause and kill owners. */
import { defaultLimits, Node } from '../../runtime/index.ts';
import { natsPorts } from '../../runtime/io/index.ts';
import { Ledger, ledger } from './ledger.ts';

export interface HostSettings {
  readonly node: string;
  readonly servers: readonly string[];
  readonly dataFolder: string;
}

/** What the host is asked, and what it answers, by `call`. */
export type HostCall =
  | { readonly kind: 'serves'; readonly key: string }
  | { readonly kind: 'list'; readonly key: string }
  /** Enters `${prefix}-1`, `-2`, … without end, `inFlight` at a time. */
  | { readonly kind: 'hammer'; readonly key: string; readonly prefix: string; readonly inFlight: number }
  | { readonly kind: 'rest' }
  | { readonly kind: 'stop' };

export interface Hammered {
  readonly replied: readonly string[];
  readonly unknown: readonly string[];
  readonly refused: number;
}

const settings = JSON.parse(process.argv[2] ?? '') as HostSettings;
const said: object[] = [];
const log = {
  info() {},
  warn: (fields: object, words: string) => void said.push({ words, ...fields }),
  error: (fields: object, words: string) =>
    process.stderr.write(`${settings.node}: ${words} ${JSON.stringify(fields)}\n`),
};
const ports = await natsPorts({ ...settings, cluster: 'ledgers', partitions: 8, replicas: 3, log });
const node = new Node({ ports, limits: defaultLimits, behaviours: [ledger], partitions: 8 });
node.start();
await node.ready();

let hammering = false;
let hammers: Promise<void>[] = [];
const replied: string[] = [];
const unknown: string[] = [];
let refused = 0;

async function hammer(key: string, prefix: string, lane: number, lanes: number): Promise<void> {
  for (let n = lane; hammering; n += lanes) {
    // Paced, so that the whole ledger still fits one reply.
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
    const id = `${prefix}-${n}`;
    const asked = await node.ask(Ledger.ref(key), { kind: 'enter', id }, 5_000);
    if (asked.kind === 'reply') replied.push(id);
    else if (asked.kind === 'unknown') unknown.push(id);
    else refused++;
  }
}

async function list(key: string): Promise<readonly string[]> {
  const entries: string[] = [];
  for (;;) {
    const asked = await node.ask(Ledger.ref(key), { kind: 'list', after: entries.length }, 20_000);
    if (asked.kind !== 'reply') throw new Error(`the ledger did not answer: ${asked.why}`);
    if (asked.value.length === 0) return entries;
    entries.push(...asked.value);
  }
}

async function answer(call: HostCall): Promise<unknown> {
  switch (call.kind) {
    case 'serves':
      return node.serves(Ledger.ref(call.key));
    case 'list':
      return list(call.key);
    case 'hammer':
      hammering = true;
      hammers = Array.from({ length: call.inFlight }, (_, lane) => hammer(call.key, call.prefix, lane, call.inFlight));
      return true;
    case 'rest': {
      hammering = false;
      await Promise.all(hammers);
      return { replied, unknown, refused } satisfies Hammered;
    }
    case 'stop':
      await node.stop();
      await ports.close();
      setTimeout(() => process.exit(0), 50);
      return true;
  }
}

process.on('message', (message: { readonly call: number; readonly say: HostCall }) => {
  answer(message.say).then(
    (value) => process.send?.({ call: message.call, value }),
    (error) =>
      process.send?.({ call: message.call, error: `${settings.node}: ${error} ${JSON.stringify(said.slice(-5))}` }),
  );
});
process.on('disconnect', () => process.exit(1));
process.send?.({ call: 0, value: 'up' });
