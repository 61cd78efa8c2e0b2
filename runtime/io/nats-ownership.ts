/** The register of ownership in a cluster: a JetStream stream with one subject; a version is a sequence of the stream. */
import type { OwnershipRegister } from '../ports.ts';
import { type NatsLink, plainHeaders } from './nats.ts';
import { outcomeOf } from './nats-journal.ts';
import { askMessage, ensureStream, isRefusal, jetStreamError } from './nats-stream.ts';
import { ownershipOf, type PlainOwnership, plainOwnership } from './ownership-json.ts';

const limits = { write_wait_ms_max: 5_000 };

export interface NatsOwnershipOptions {
  readonly link: NatsLink;
  readonly cluster: string;
  readonly replicas: number;
}

/** Makes the stream if need be. */
export async function openNatsOwnership({ link, cluster, replicas }: NatsOwnershipOptions): Promise<OwnershipRegister> {
  const stream = `RP_${cluster}_OWNERSHIP`;
  const subject = `rp.${cluster}.ownership`;
  await ensureStream(link, {
    name: stream,
    subjects: [subject],
    retention: 'limits',
    storage: 'file',
    num_replicas: replicas,
    // The last few versions, for an operator who wonders.
    max_msgs_per_subject: 8,
    discard: 'old',
    max_age: 0,
    deny_delete: true,
    deny_purge: true,
    allow_rollup_hdrs: false,
    allow_direct: false,
  });
  return {
    async read() {
      try {
        const { message } = await askMessage<StoredMessage>(link, stream, { last_by_subj: subject });
        const plain = JSON.parse(Buffer.from(message.data, 'base64').toString()) as PlainOwnership;
        return { version: message.seq, value: ownershipOf(plain) };
      } catch (error) {
        if (isRefusal(error, jetStreamError.no_message)) return { version: 0, value: undefined };
        throw error;
      }
    },
    async write(version, value) {
      const headers = plainHeaders(`Nats-Expected-Last-Subject-Sequence: ${version}\r\n`);
      const bytes = Buffer.from(JSON.stringify(plainOwnership(value)));
      const outcome = outcomeOf(await link.ask(subject, bytes, limits.write_wait_ms_max, headers), 1);
      if (outcome.kind === 'appended') return outcome.seqs[0];
      // Busy: another write is under way, or has just been.
      if (outcome.kind === 'mismatch' || outcome.kind === 'busy') return undefined;
      throw new Error(`ownership not written: ${'reason' in outcome ? outcome.reason : outcome.kind}`);
    },
    /** The link is closed by whoever opened it. */
    async close() {},
  };
}

type StoredMessage = { readonly message: { readonly seq: number; readonly data: string } };
