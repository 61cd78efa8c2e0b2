/** Pairs that write to one another all the time, and what each of them was told: for scenarios that must not be noticed. */
import type { Test } from 'tap';
import type { RingpostClient } from '../../client/index.ts';
import { pause, until } from './cluster.ts';

export interface Pair {
  readonly sender: RingpostClient;
  readonly recipient: RingpostClient;
  /** Bodies that were accepted, in the order in which they were sent. */
  readonly sent: string[];
  /** What the recipient was told, in order. */
  readonly heard: string[];
  /** Anything that an application would have to see to: refusals, rejections, connections that were lost. */
  readonly troubles: string[];
  /** Connections of the two beyond their first ones. */
  reconnects: number;
  /** Of the servers that they are connected to. */
  urls(): readonly string[];
  /** The longest time from one acceptance to the next, ms. */
  gapMs: number;
  readMax: number;
}

export interface Talk {
  readonly pairs: readonly Pair[];
  /** The longest gaps since the last call, one a pair, shortest first. */
  gaps(): number[];
  /** Ends it, and checks that everything came, once and in order. */
  end(t: Test): Promise<void>;
}

/** A message every `everyMs` from each sender, whatever became of those before. `name` begins the names of the users, which are new. */
export async function talk(
  signIn: (user: string) => Promise<RingpostClient>,
  name: string,
  count: number,
  everyMs: number,
): Promise<Talk> {
  const pairs: Pair[] = [];
  for (let i = 0; i < count; i++) {
    const [sender, recipient] = await Promise.all([signIn(`${name}-from-${i}`), signIn(`${name}-to-${i}`)]);
    pairs.push(await pairOf(sender, recipient));
  }
  let going = true;
  const talks = pairs.map(async (pair) => {
    const handles: Promise<unknown>[] = [];
    for (let n = 0; going; n++) {
      const body = `${pair.sender.user}: ${n}`;
      pair.sent.push(body);
      const { accepted } = pair.sender.send(pair.recipient.user, body);
      handles.push(accepted.catch((error: unknown) => void pair.troubles.push(`${body} failed: ${error}`)));
      await pause(everyMs);
    }
    await Promise.all(handles);
  });
  return {
    pairs,
    gaps() {
      const gaps = pairs.map(({ gapMs }) => Math.round(gapMs)).sort((a, b) => a - b);
      for (const pair of pairs) pair.gapMs = 0;
      return gaps;
    },
    async end(t) {
      going = false;
      await Promise.all(talks);
      for (const { heard, sent, sender } of pairs) {
        await until(`${sender.user}: all is heard`, () => heard.length >= sent.length, 30_000);
        t.same(heard, sent, `${sender.user}: ${sent.length} messages, each once and in order`);
      }
      for (const pair of pairs) {
        await until(`${pair.sender.user}: all is read`, () => pair.readMax === pair.sent.length, 30_000);
      }
    },
  };
}

async function pairOf(sender: RingpostClient, recipient: RingpostClient): Promise<Pair> {
  const urls = new Map<RingpostClient, string>();
  const pair: Pair = {
    ...{ sender, recipient, sent: [], heard: [], troubles: [], urls: () => [...urls.values()] },
    ...{ reconnects: 0, gapMs: 0, readMax: 0 },
  };
  for (const client of [sender, recipient]) client.on('state', ({ url }) => void urls.set(client, url));
  await Promise.all([sender.connect(), recipient.connect()]);
  let acceptedMs = 0;
  sender.on('accepted', () => {
    const nowMs = performance.now();
    if (acceptedMs > 0) pair.gapMs = Math.max(pair.gapMs, nowMs - acceptedMs);
    acceptedMs = nowMs;
  });
  sender.on('receipt', ({ read }) => {
    pair.readMax = Math.max(pair.readMax, read);
  });
  recipient.on('message', (message) => {
    pair.heard.push(message.body);
    recipient.read(message.from, message.seq);
  });
  for (const client of [sender, recipient]) {
    client.on(
      'refused',
      ({ code, reason }) => void pair.troubles.push(`${client.user} was refused: ${code}, ${reason}`),
    );
    client.on('failed', ({ code }) => void pair.troubles.push(`${client.user}: a message failed: ${code}`));
    client.on('reset', () => void pair.troubles.push(`${client.user}: reset`));
    client.on('state', ({ state, error }) => {
      if (state === 'online') pair.reconnects++;
      else if (state === 'closed') pair.troubles.push(`${client.user} was closed: ${error}`);
    });
  }
  return pair;
}
