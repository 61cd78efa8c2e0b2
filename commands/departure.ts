import { setTimeout as pause } from 'node:timers/promises';
import type { Gateway } from '../gateway/index.ts';
import type { Log, Node } from '../runtime/index.ts';

/** Time over which sockets are closed that nobody else can take, ms. */
const goodbye_ms = 500;
/** Between the last move of a partition and the first of a client, ms: what waited for the one is answered before the other begins. */
const calm_ms = 250;
/** Between looks at what is left to do, ms. */
const look_ms = 20;

/**
 * How a node leaves: its partitions first, to nodes that have a copy, while its clients stay where they are and notice a pause at most; then
 * its clients, one after another, each with time to connect elsewhere. At an operator's word it stays as an empty node until it is told
 * otherwise; at a signal it ends.
 */
export class Departure {
  readonly #node: Node;
  readonly #gateway: Gateway;
  readonly #log: Log;

  constructor(node: Node, gateway: Gateway, log: Log) {
    this.#node = node;
    this.#gateway = gateway;
    this.#log = log;
    node.onDrain = (draining) => {
      if (draining) void this.#drained();
      else this.#stay();
    };
  }

  /** Ends it, in good order. Whoever is asked meanwhile still answers. */
  async stop(): Promise<void> {
    this.#node.onDrain = undefined;
    this.#gateway.leave();
    // Alone, or with others that are leaving too, there is nowhere to send anybody.
    if (await this.#moveAll()) await this.#sendAway();
    await this.#gateway.close(goodbye_ms);
    await this.#node.stop();
  }

  async #moveAll(): Promise<boolean> {
    if (this.#node.peers.length === 0) return false;
    const partitions = this.#node.owned.length;
    const clients = this.#gateway.connections();
    this.#log.info({ partitions, clients }, 'leaving: partitions move first, then clients');
    return this.#node.drain();
  }

  /** An operator wants the node empty. While nobody can have its partitions, it goes on as it is. */
  async #drained(): Promise<void> {
    const { owned } = this.#node;
    this.#log.info({ partitions: owned.length }, 'an operator has this node drained');
    let isEmpty = await this.#node.drain();
    while (!isEmpty && this.#node.draining) {
      await pause(look_ms);
      isEmpty = this.#node.owned.length === 0;
    }
    if (!this.#node.draining) return;
    this.#gateway.leave();
    this.#log.info({ clients: this.#gateway.connections() }, 'all partitions have moved; now the clients');
    await this.#sendAway();
  }

  async #sendAway(): Promise<void> {
    if (this.#gateway.connections() > 0) await pause(calm_ms);
    await this.#gateway.handOver();
  }

  #stay(): void {
    this.#log.info({}, 'an operator has this node take its share again');
    this.#gateway.stay();
  }
}
