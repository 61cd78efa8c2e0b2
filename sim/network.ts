/** The simulated network: a switchboard between the nodes of a world, which loses, delays and cuts as it is told. */
import type { Network, NodeId } from '../runtime/ports.ts';
import type { SimRandom, SimTime } from './clock.ts';

/** May be changed while the world runs. */
export interface NetworkFaults {
  /** Odds that a datagram is lost. */
  loss: number;
  /** A datagram takes this long, drawn for each; those of one pair of nodes stay in order. */
  delayMs: readonly [least: number, most: number];
  /** Odds that nobody can tell whether a node that doesn't listen does. */
  listensUnknown: number;
}

export class SimSwitchboard {
  readonly faults: NetworkFaults = { loss: 0, delayMs: [1, 1], listensUnknown: 0 };
  readonly #time: SimTime;
  readonly #random: SimRandom;
  readonly #nodes = new Map<NodeId, SimNetwork>();
  readonly #cuts = new Set<string>();
  readonly #isolated = new Set<NodeId>();
  /** When the last datagram of a pair arrives. */
  readonly #arrivals = new Map<string, number>();

  constructor(time: SimTime, random: SimRandom) {
    this.#time = time;
    this.#random = random.stream('network');
  }

  /** Plugs a node in; one of the same name that was there before is unplugged. */
  plug(node: NodeId): SimNetwork {
    this.#nodes.get(node)?.crash();
    const network = new SimNetwork(node, this);
    this.#nodes.set(node, network);
    return network;
  }

  /** Nothing passes from `from` to `to` any more, not even what is under way. */
  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(pair(from, to));
  }

  heal(from: NodeId, to: NodeId): void {
    this.#cuts.delete(pair(from, to));
  }

  /** The node loses its transport and knows it: `connected` is false. */
  isolate(node: NodeId, isolated = true): void {
    if (isolated) this.#isolated.add(node);
    else this.#isolated.delete(node);
  }

  isIsolated(node: NodeId): boolean {
    return this.#isolated.has(node);
  }

  others(node: NodeId): NodeId[] {
    return [...this.#nodes.keys()].filter((other) => other !== node);
  }

  /** For the nodes' use: what the transport answers when asked whether somebody listens under this name. */
  async listens(asker: NodeId, node: NodeId): Promise<boolean> {
    await this.#time.passed(this.#random.between(...this.faults.delayMs));
    // One that is cut off itself can't tell.
    if (this.isIsolated(asker) || this.#random.chance(this.faults.listensUnknown)) return true;
    return this.#nodes.get(node)?.connected() === true;
  }

  /** For the nodes' use. */
  carry(from: NodeId, to: NodeId, bytes: Uint8Array): void {
    if (from !== to && this.#random.chance(this.faults.loss)) return;
    const way = pair(from, to);
    const [least, most] = this.faults.delayMs;
    const takesMs = from === to ? 0 : this.#random.between(least, most);
    // Fractions keep two of the same moment in order, whatever the tie-break.
    const atMs = Math.max(this.#time.nowMs + takesMs, (this.#arrivals.get(way) ?? 0) + 0.0001);
    this.#arrivals.set(way, atMs);
    const copy = bytes.slice();
    this.#time.after(atMs - this.#time.nowMs, () => {
      const blocked = this.#cuts.has(way) || (from !== to && (this.#isolated.has(to) || this.#isolated.has(from)));
      if (!blocked) this.#nodes.get(to)?.receive(copy);
    });
  }
}

function pair(from: NodeId, to: NodeId): string {
  return `${from}>${to}`;
}

export class SimNetwork implements Network {
  readonly self: NodeId;
  readonly #board: SimSwitchboard;
  #receive: ((bytes: Uint8Array) => void) | undefined;
  #open = true;

  constructor(self: NodeId, board: SimSwitchboard) {
    this.self = self;
    this.#board = board;
  }

  send(to: NodeId, bytes: Uint8Array): void {
    if (this.connected()) this.#board.carry(this.self, to, bytes);
  }

  broadcast(bytes: Uint8Array): void {
    if (!this.connected()) return;
    for (const other of this.#board.others(this.self)) this.#board.carry(this.self, other, bytes);
  }

  listen(receive: (bytes: Uint8Array) => void): void {
    if (this.#receive !== undefined) throw new Error('the network has a receiver already');
    this.#receive = receive;
  }

  connected(): boolean {
    return this.#open && !this.#board.isIsolated(this.self);
  }

  listens(node: NodeId): Promise<boolean> {
    return this.#board.listens(this.self, node);
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  /** The process is gone: nothing is sent or received any more. */
  crash(): void {
    this.#open = false;
  }

  /** For the switchboard's use. */
  receive(bytes: Uint8Array): void {
    if (this.#open) this.#receive?.(bytes);
  }
}
