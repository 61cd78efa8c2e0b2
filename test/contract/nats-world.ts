/** What tests of the drivers on real nats-servers have in common. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { connectNats, type NatsLink } from '../../runtime/io/nats.ts';
import { askJetStream } from '../../runtime/io/nats-stream.ts';
import type { Append, Journal, Log } from '../../runtime/ports.ts';

export const quiet: Log = { info() {}, warn() {}, error() {} };

/** A link that is closed when the test ends. */
export function link(t: Test, servers: readonly string[]): Promise<NatsLink> {
  const connecting = connectNats({ servers, name: 'test', log: quiet, connectWaitMs: 10_000 });
  t.teardown(async () => (await connecting).close());
  return connecting;
}

export function append(
  partition: number,
  expectedSeq: number,
  number: number,
  words = `${partition}/${number}`,
): Append {
  return { partition, expectedSeq, id: `${partition}/1/${number}`, bytes: Buffer.from(words) };
}

/** One for each partition, from 0. */
export function batch(number: number, expectedSeqs: readonly number[]): Append[] {
  return expectedSeqs.map((expectedSeq, partition) => append(partition, expectedSeq, number));
}

/** As the engine does: the same bytes until the outcome is certain. */
export async function persist(
  journal: Journal,
  appends: readonly Append[],
  kinds: string[] = [],
): Promise<readonly number[]> {
  for (;;) {
    const outcome = await journal.append(appends);
    kinds.push(outcome.kind);
    if (outcome.kind === 'appended') return outcome.seqs;
    if (outcome.kind === 'duplicate' || outcome.kind === 'mismatch') return await ownSeqs(journal, appends);
    await sleep(50);
  }
}

async function ownSeqs(journal: Journal, appends: readonly Append[]): Promise<readonly number[]> {
  for (;;) {
    try {
      const lasts = await Promise.all(appends.map(({ partition }) => journal.last(partition)));
      const mine = lasts.every(
        (last, i) => Buffer.compare(last?.bytes ?? Buffer.alloc(0), appends[i]?.bytes ?? Buffer.alloc(1)) === 0,
      );
      if (!mine) throw new TypeError('fenced, though nobody else writes');
      return lasts.map((last) => last?.seq ?? 0);
    } catch (error) {
      if (error instanceof TypeError) throw error;
      await sleep(50);
    }
  }
}

/** The server that leads a stream, as far as anybody knows. */
export async function leaderOf(one: NatsLink, stream: string): Promise<string | undefined> {
  const { cluster } = await askJetStream<{ cluster?: { leader?: string } }>(one, `STREAM.INFO.${stream}`);
  return cluster?.leader;
}

/** Makes this server the leader of a stream. */
export async function makeLeader(one: NatsLink, stream: string, name: string): Promise<void> {
  const endMs = performance.now() + 30_000;
  for (;;) {
    const info = await askJetStream<{ cluster?: { leader?: string } }>(one, `STREAM.INFO.${stream}`).catch(
      () => undefined,
    );
    if (info?.cluster?.leader === name) return;
    if (performance.now() > endMs) throw new Error(`${name} does not lead: ${JSON.stringify(info)}`);
    if (info?.cluster?.leader !== undefined) {
      const body = { placement: { preferred: name } };
      await askJetStream(one, `STREAM.LEADER.STEPDOWN.${stream}`, body).catch(() => {});
    }
    // An election has to have its time.
    await sleep(1_000);
  }
}
