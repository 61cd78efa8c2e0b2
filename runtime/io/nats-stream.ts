/** Requests to JetStream, in JSON over NATS: nats.js 2.29 doesn't know atomic batches, and its own calls hide the class of a failure. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg } from 'nats';
import type { NatsLink } from './nats.ts';

const limits = {
  answer_wait_ms_max: 5_000,
  message_wait_ms_max: 1_000,
  /** A leader hears of the others every second; before this they have not elected another (4 to 9 s). */
  leader_contact_ms_max: 4_000,
  /** A cluster that is just making a stream leaves some questions about it without an answer. */
  ensure_answer_wait_ms_max: 1_500,
  ensure_poll_ms: 250,
  ensure_wait_ms_max: 60_000,
};

/** JetStream's own numbers of errors (nats-server's errors.json). */
export const jetStreamError = {
  no_message: 10037,
  stream_name_in_use: 10058,
  wrong_last_sequence: 10071,
  duplicate_in_batch: 10201,
} as const;

/** Errors of a JetStream that is not there yet, or has no room now: nothing was carried out, and asking again may help. */
export const notNow: readonly number[] = [
  10004, // incomplete results
  10005, // no suitable servers for the replicas, as while they start
  10008, // JetStream system temporarily unavailable
  10009, // not the leader
  10023, // insufficient resources
  10028, // memory resources exceeded
  10039, // JetStream not enabled for the account
  10047, // storage resources exceeded
  10076, // JetStream not enabled
];

/** JetStream carried a request to an answer, and the answer is no. */
class JetStreamRefusal extends Error {
  readonly code: number;
  constructor(subject: string, { err_code: code, description }: JetStreamFault) {
    super(`${subject}: ${description} (${code})`);
    this.name = 'JetStreamRefusal';
    this.code = code;
  }
}

export interface JetStreamFault {
  readonly err_code: number;
  readonly description: string;
}

/** Rejects with JetStreamRefusal, or with Error when there is no answer. */
export async function askJetStream<T>(
  link: NatsLink,
  api: string,
  body?: object,
  waitMs: number = limits.answer_wait_ms_max,
): Promise<T> {
  const subject = `$JS.API.${api}`;
  const bytes = body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body));
  const answer = await link.ask(subject, bytes, waitMs);
  if (answer.kind === 'nobody') throw new Error(`${subject}: JetStream is not available now`);
  if (answer.kind === 'none') throw new Error(`${subject}: ${answer.reason}`);
  const reply = jsonOf(answer.message) as { error?: JetStreamFault };
  if (reply.error !== undefined) throw new JetStreamRefusal(subject, reply.error);
  return reply as T;
}

export function jsonOf(message: Msg): unknown {
  const { buffer, byteOffset, byteLength } = message.data;
  return JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString());
}

/**
 * A message, from the stream's leader. A question that came while there was no leader is never answered, and asking
 * again costs nothing: so the wait is short.
 */
export function askMessage<T>(link: NatsLink, stream: string, body: object): Promise<T> {
  return askJetStream<T>(link, `STREAM.MSG.GET.${stream}`, body, limits.message_wait_ms_max);
}

export interface StreamState {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly num_subjects?: number;
  /** Messages by subject, where subjects were asked for and there are any. */
  readonly subjects?: Readonly<Record<string, number>>;
}

/**
 * What a stream holds, from its leader; with its subjects where a filter is given. Where there is no leader any server may answer with what it
 * has itself, and names none; and a leader that is cut off from the others goes on for 20 s (both seen with 2.15.1, two of three servers paused).
 * Neither is an answer here.
 */
export async function askState(link: NatsLink, stream: string, subjects?: string): Promise<StreamState> {
  const body = subjects === undefined ? undefined : { subjects_filter: subjects };
  const api = `STREAM.INFO.${stream}`;
  const { state, cluster } = await askJetStream<InfoAnswer>(link, api, body, limits.message_wait_ms_max);
  if (cluster !== undefined && !isLed(cluster)) throw new Error(`$JS.API.${api}: no leader with a majority`);
  return state;
}

interface InfoAnswer {
  readonly state: StreamState;
  /** A server that is alone may leave it out. */
  readonly cluster?: StreamCluster;
}

interface StreamCluster {
  readonly leader?: string;
  /** The other servers of the stream; `active` is when the leader heard of one last, nanoseconds ago, 0 for never. */
  readonly replicas?: readonly { readonly active?: number }[] | null;
}

function isLed({ leader, replicas }: StreamCluster): boolean {
  const others = replicas ?? [];
  const heard = others.filter(({ active = 0 }) => active > 0 && active <= limits.leader_contact_ms_max * 1e6);
  return Boolean(leader) && heard.length >= Math.floor((others.length + 1) / 2);
}

/** What a stream of ours is; whatever is left out is JetStream's default. */
export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly num_replicas: number;
  readonly [setting: string]: unknown;
}

/**
 * Makes the stream unless it is there, from as many nodes at once as there are; waits for a cluster that is starting.
 * Rejects in words when one of that name was made otherwise: what a setting promises must hold before anything is written.
 */
export async function ensureStream(link: NatsLink, config: StreamConfig): Promise<void> {
  const deadline = performance.now() + limits.ensure_wait_ms_max;
  for (;;) {
    try {
      return checkStream(config, await makeStream(link, config));
    } catch (error) {
      // No leader yet, too few servers up, or the request lost: all pass. Settings that are not to be had don't.
      const passes =
        !(error instanceof OtherStream) && !(error instanceof JetStreamRefusal && !notNow.includes(error.code));
      if (!passes || performance.now() > deadline) throw error;
    }
    await sleep(limits.ensure_poll_ms);
  }
}

class OtherStream extends Error {}

type StreamInfo = { readonly config: Readonly<Record<string, unknown>> };

async function makeStream(link: NatsLink, config: StreamConfig): Promise<StreamInfo> {
  const waitMs = limits.ensure_answer_wait_ms_max;
  try {
    // Where it is there already as it should be, nothing changes.
    return await askJetStream<StreamInfo>(link, `STREAM.CREATE.${config.name}`, config, waitMs);
  } catch (error) {
    if (!isRefusal(error, jetStreamError.stream_name_in_use)) throw error;
    return await askJetStream<StreamInfo>(link, `STREAM.INFO.${config.name}`, undefined, waitMs);
  }
}

export function isRefusal(error: unknown, code: number): boolean {
  return error instanceof JetStreamRefusal && error.code === code;
}

function checkStream(config: StreamConfig, { config: found }: StreamInfo): void {
  // JetStream leaves out what is false or zero.
  const differs = Object.entries(config).filter(
    ([setting, value]) => JSON.stringify(found[setting] ?? absent(value)) !== JSON.stringify(value),
  );
  if (differs.length === 0) return;
  const words = differs.map(
    ([setting, value]) => `${setting} is ${JSON.stringify(found[setting])} and must be ${JSON.stringify(value)}`,
  );
  throw new OtherStream(`the stream ${config.name} exists with other settings: ${words.join('; ')}`);
}

function absent(value: unknown): unknown {
  if (typeof value === 'boolean') return false;
  return typeof value === 'number' ? 0 : undefined;
}
