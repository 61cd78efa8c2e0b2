/** What NATS knows of the cluster: who owns which partition, who leads the journal, whether all copies are there. */
import { connect, type NatsConnection } from 'nats';

const ask_wait_ms = 1_000;
const ownership_stream = 'RP_ringpost_OWNERSHIP';
const ownership_subject = 'rp.ringpost.ownership';
export const journal_stream = 'RP_ringpost_JOURNAL';

interface StreamInfo {
  readonly cluster?: {
    readonly leader?: string;
    readonly replicas?: readonly { readonly current: boolean; readonly offline?: boolean }[];
  };
}

export class Register {
  readonly #connection: NatsConnection;

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  static async open(urls: readonly string[]): Promise<Register> {
    const connection = await connect({
      servers: [...urls],
      name: 'chaos',
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      pingInterval: 1_000,
      maxPingOut: 2,
      timeout: ask_wait_ms,
    });
    return new Register(connection);
  }

  /** The owner of each partition, '' for none. Rejects when NATS does not answer in time. */
  async owners(): Promise<string[]> {
    const answer = await this.#ask<{ message: { data: string } }>(`STREAM.MSG.GET.${ownership_stream}`, {
      last_by_subj: ownership_subject,
    });
    const { owners } = JSON.parse(Buffer.from(answer.message.data, 'base64').toString()) as {
      owners: readonly ({ readonly node: string } | null)[];
    };
    return owners.map((owner) => owner?.node ?? '');
  }

  /** The nats-server that leads a stream; undefined while there is none. */
  async leaderOf(stream: string): Promise<string | undefined> {
    const { cluster } = await this.#ask<StreamInfo>(`STREAM.INFO.${stream}`);
    return cluster?.leader;
  }

  /** Every stream has a leader, and all its copies are up to date. */
  async isWhole(): Promise<boolean> {
    const { streams } = await this.#ask<{ streams: readonly string[] | null }>('STREAM.NAMES', {});
    const infos = await Promise.all((streams ?? []).map((stream) => this.#ask<StreamInfo>(`STREAM.INFO.${stream}`)));
    return (
      infos.length > 0 &&
      infos.every(({ cluster }) => {
        const { leader = '', replicas = [] } = cluster ?? {};
        return leader !== '' && replicas.every(({ current, offline }) => current && offline !== true);
      })
    );
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #ask<T>(api: string, body?: object): Promise<T> {
    const bytes = body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body));
    const { data } = await this.#connection.request(`$JS.API.${api}`, bytes, { timeout: ask_wait_ms });
    const reply = JSON.parse(Buffer.from(data).toString()) as { error?: { description: string } } & T;
    if (reply.error !== undefined) throw new Error(`${api}: ${reply.error.description}`);
    return reply;
  }
}
