/** Whole streams of JetStream, to a file and back, by its own snapshot protocol: a stream is copied as it is at one moment, and can be written meanwhile. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInbox } from 'nats';
import type { NatsLink } from './nats.ts';
import { askJetStream, type StreamConfig } from './nats-stream.ts';

const limits = {
  chunk_bytes: 256 * 1024,
  answer_wait_ms_max: 30_000,
  /** Between two chunks. */
  chunk_wait_ms_max: 30_000,
};

/** What a stream was, and what its file must be. */
export interface SavedStream {
  readonly config: StreamConfig;
  readonly state: { readonly messages: number; readonly first_seq: number; readonly last_seq: number };
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * A stream as it is now, in parts; at the end what it was. Throws when the server has no such stream, or it breaks off: so it does when whoever asks
 * takes no part for some seconds.
 */
export async function* savedParts(
  link: NatsLink,
  stream: string,
): AsyncGenerator<Uint8Array, Pick<SavedStream, 'config' | 'state'>> {
  const inbox = createInbox();
  const chunks = link.connection.subscribe(inbox);
  try {
    const order = { deliver_subject: inbox, no_consumers: true, chunk_size: limits.chunk_bytes };
    const api = `STREAM.SNAPSHOT.${stream}`;
    const begun = await askJetStream<Pick<SavedStream, 'config' | 'state'>>(
      link,
      api,
      order,
      limits.answer_wait_ms_max,
    );
    const coming = chunks[Symbol.asyncIterator]();
    for (;;) {
      const next = await inTime(coming.next(), `${stream}: nothing came any more`);
      if (next.done === true) throw new Error(`${stream}: the connection ended`);
      const { value: chunk } = next;
      const { data, headers } = chunk;
      // The end is a chunk without bytes; its status tells of a failure.
      if (data.length === 0) {
        const status = headers?.code ?? 0;
        if (status >= 400) throw new Error(`${stream}: ${headers?.description ?? status}`);
        return { config: begun.config, state: begun.state };
      }
      yield data;
      // The server waits for this before it goes on for long.
      chunk.respond();
    }
  } finally {
    chunks.unsubscribe();
  }
}

/** Makes a stream of a file. Rejects when there is one of its name. */
export async function loadStream(link: NatsLink, saved: SavedStream, path: string, replicas: number): Promise<void> {
  const { config, state } = saved;
  const { name } = config;
  const order = { config: { ...config, num_replicas: replicas }, state };
  const api = `STREAM.RESTORE.${name}`;
  const { deliver_subject: to } = await askJetStream<{ deliver_subject: string }>(
    link,
    api,
    order,
    limits.answer_wait_ms_max,
  );
  for await (const chunk of createReadStream(path, { highWaterMark: limits.chunk_bytes })) {
    await said(link, to, chunk as Buffer, name);
  }
  await said(link, to, new Uint8Array(), name);
}

async function said(link: NatsLink, to: string, chunk: Uint8Array, name: string): Promise<void> {
  const answer = await link.ask(to, chunk, limits.chunk_wait_ms_max);
  if (answer.kind !== 'reply')
    throw new Error(`${name}: ${answer.kind === 'none' ? answer.reason : 'nobody takes it'}`);
  const { data } = answer.message;
  if (data.length === 0) return;
  const { error } = JSON.parse(Buffer.from(data).toString()) as { error?: { description?: string } };
  if (error !== undefined) throw new Error(`${name}: ${error.description ?? 'refused'}`);
}

/** Rejects when a file is not the one that was saved. */
export async function checkSaved({ bytes, sha256 }: SavedStream, path: string): Promise<void> {
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Buffer);
    length += (chunk as Buffer).length;
  }
  if (length !== bytes || hash.digest('hex') !== sha256) throw new Error(`${path} is not as it was saved`);
}

function inTime<T>(promise: Promise<T>, words: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(words)), limits.chunk_wait_ms_max);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
