/** Datagrams between nodes over core NATS: a subject a node, and one for all. */
import type { Msg, NatsError, Subscription } from 'nats';
import type { Network, NodeId } from '../ports.ts';
import type { NatsLink } from './nats.ts';

const limits = {
  /** A server that is not heard of for so long tells nothing. */
  listens_wait_ms_max: 500,
  /** A server that has just started hears of the others' subscribers only when it has found the others. */
  acquaintance_ms: 1_000,
};

const nothing = new Uint8Array();

export interface NatsNetworkOptions {
  readonly link: NatsLink;
  readonly cluster: string;
  readonly self: NodeId;
}

export function natsNetwork(options: NatsNetworkOptions): Network {
  return new NatsNetwork(options);
}

class NatsNetwork implements Network {
  readonly self: NodeId;
  readonly #link: NatsLink;
  readonly #cluster: string;
  #receive: ((bytes: Uint8Array) => void) | undefined;
  #subscriptions: Subscription[] = [];
  #closed = false;

  constructor({ link, cluster, self }: NatsNetworkOptions) {
    this.self = self;
    this.#link = link;
    this.#cluster = cluster;
  }

  send(to: NodeId, bytes: Uint8Array): void {
    if (!this.connected()) return;
    // The connection echoes nothing, or broadcasts would come back. Never within the call, as over the wire.
    if (to === this.self) queueMicrotask(() => !this.#closed && this.#receive?.(bytes));
    else this.#link.publish(this.#subject(to), bytes);
  }

  broadcast(bytes: Uint8Array): void {
    if (this.connected()) this.#link.publish(this.#everybody(), bytes);
  }

  listen(receive: (bytes: Uint8Array) => void): void {
    if (this.#receive !== undefined) throw new Error('the network has a receiver already');
    this.#receive = receive;
    const callback = (error: NatsError | null, message: Msg) => {
      // What wants a reply is a question of `listens`, and answered by having come.
      if (error === null && !message.reply) receive(message.data);
    };
    this.#subscriptions = [this.#subject(this.self), this.#everybody()].map((subject) =>
      this.#link.connection.subscribe(subject, { callback }),
    );
  }

  connected(): boolean {
    return !this.#closed && this.#link.connected;
  }

  /**
   * Servers tell each other who subscribes to what, at once; and a server says at once when nobody takes what wants a reply, before it answers the
   * PING that follows it. So this takes one way to the server and back, and disturbs nobody.
   */
  async listens(node: NodeId): Promise<boolean> {
    const { connection } = this.#link;
    if (node === this.self && this.#receive !== undefined) return true;
    if (!this.connected() || this.#link.connectedMs < limits.acquaintance_ms) return true;
    const answer = this.#link.ask(this.#subject(node), nothing, limits.listens_wait_ms_max);
    const passed = connection.flush().catch(() => {});
    const first = await Promise.race([answer, passed]);
    // A link that is closing says "nobody" of itself.
    const certain = this.connected() && !connection.isDraining() && !connection.isClosed();
    return !(certain && first?.kind === 'nobody');
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
  }

  #subject(node: NodeId): string {
    return `rp.${this.#cluster}.n.${node}`;
  }

  #everybody(): string {
    return `rp.${this.#cluster}.all`;
  }
}
