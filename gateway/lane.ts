import type { GatewayLimits } from './limits.ts';

/** A socket with frames that wait for their turn. */
export interface Waiter {
  /** Hands over its oldest frame: what that cost; 0 when there is none left, or it was not taken. */
  handOver(): number;
}

interface Place {
  /** What it may still hand over before the others have their turns. */
  credit: number;
  /** When it began to wait as one that asks for little, monotonic ms. */
  readonly sinceMs: number;
}

/** Share of the last look in the moving mean of what a frame takes while little is under way. */
const idle_weight = 0.1;
/** How long frames that went off after the last look are watched before the next one. */
const look_ms = 50;
/** A look changes the budget by these factors at most. */
const growth_most = 1.25;
const shrink_most = 0.5;

/**
 * The way from this edge to the actors of one node. What is under way on it has a budget in bytes, so that frames take a bounded time
 * from the edge to their effect however many sockets want to send: all others wait in their sockets, which are not read meanwhile.
 *
 * The budget follows the time that frames take, as TCP Vegas (Brakmo, Peterson 1995) has a window follow the round trip. Turns go
 * around as in FQ-CoDel (RFC 8290): a socket that asks for little comes before those that have had their share of this round.
 */
export class Lane {
  readonly #limits: GatewayLimits;
  readonly #fresh = new Map<Waiter, Place>();
  readonly #served = new Map<Waiter, Place>();
  #budget: number;
  #underWay = 0;
  #serving = false;
  #soon = false;
  #tookMs = 0;
  #frames = 0;
  #firstMs = 0;
  #lookedMs = 0;
  /** About what a frame takes while little is under way; 0 while that has not been seen. */
  #idleMs = 0;

  constructor(limits: GatewayLimits) {
    this.#limits = limits;
    this.#budget = limits.lane_bytes_max;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get budget(): number {
    return this.#budget;
  }

  get waiting(): number {
    return this.#fresh.size + this.#served.size;
  }

  /** How long even a socket that asks for little has waited by now. */
  behindMs(nowMs: number): number {
    const [first] = this.#fresh.values();
    return first === undefined ? 0 : nowMs - first.sinceMs;
  }

  /** True when a frame may go now, without a wait. */
  get free(): boolean {
    return this.waiting === 0 && this.#underWay < this.#budget;
  }

  /** A frame of this cost is under way. */
  took(cost: number): void {
    this.#underWay += cost;
  }

  wait(waiter: Waiter, nowMs: number): void {
    if (this.#fresh.has(waiter) || this.#served.has(waiter)) return;
    this.#fresh.set(waiter, { credit: this.#limits.lane_share_bytes, sinceMs: nowMs });
  }

  leave(waiter: Waiter): void {
    this.#fresh.delete(waiter);
    this.#served.delete(waiter);
  }

  /** A frame has had its effect after `tookMs`. */
  done(cost: number, tookMs: number, nowMs: number): void {
    this.#underWay -= cost;
    // What was under way at the last look says nothing of the budget since then.
    if (nowMs - tookMs >= this.#lookedMs) {
      if (this.#frames++ === 0) this.#firstMs = nowMs;
      this.#tookMs += tookMs;
      if (nowMs - this.#firstMs >= look_ms) this.#look(nowMs);
    }
    this.#serveSoon();
  }

  /** Frames that will not be answered any more. */
  forget(cost: number): void {
    this.#underWay -= cost;
    this.#serveSoon();
  }

  /** The engine calls in the middle of something: what follows from that waits until it is done. */
  #serveSoon(): void {
    if (this.#soon || this.waiting === 0) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      this.serve();
    });
  }

  serve(): void {
    // A frame that is handed over may call back: the loop below goes on anyhow.
    if (this.#serving) return;
    this.#serving = true;
    while (this.#underWay < this.#budget && this.waiting > 0) this.#serveOne();
    this.#serving = false;
  }

  #serveOne(): void {
    const line = this.#fresh.size > 0 ? this.#fresh : this.#served;
    const [first] = line;
    if (first === undefined) return;
    const [waiter, place] = first;
    if (place.credit <= 0) {
      line.delete(waiter);
      place.credit += this.#limits.lane_share_bytes;
      this.#served.set(waiter, place);
      return;
    }
    const cost = waiter.handOver();
    place.credit -= cost;
    if (cost > 0 || !line.delete(waiter)) return;
    // It keeps its place for a round: nobody gets ahead by always asking for a little, again and again.
    if (line === this.#fresh) this.#served.set(waiter, place);
  }

  #look(nowMs: number): void {
    const { lane_bytes_min, lane_bytes_max, lane_ms_target } = this.#limits;
    const meanMs = this.#tookMs / this.#frames;
    this.#lookedMs = nowMs;
    this.#tookMs = 0;
    this.#frames = 0;
    // With nothing waiting the budget bounds nothing; and with little under way it is not this edge that makes frames slow.
    if (this.waiting === 0 || this.#underWay * 2 < this.#budget) {
      if (this.#underWay * 4 < lane_bytes_min) this.#idleMs += (meanMs - this.#idleMs) * idle_weight;
      return;
    }
    // Where frames take long even while little is under way, a bound below what that needs would only leave the node idle.
    const targetMs = Math.max(lane_ms_target, 2 * this.#idleMs);
    const change = Math.min(growth_most, Math.max(shrink_most, targetMs / meanMs));
    this.#budget = Math.min(lane_bytes_max, Math.max(lane_bytes_min, this.#budget * change));
  }
}

/** A lane for each node that sockets of this edge hang on. */
export class Lanes {
  readonly #limits: GatewayLimits;
  readonly #lanes = new Map<string, Lane>();

  constructor(limits: GatewayLimits) {
    this.#limits = limits;
  }

  to(node: string): Lane {
    let lane = this.#lanes.get(node);
    if (lane === undefined) {
      lane = new Lane(this.#limits);
      this.#lanes.set(node, lane);
    }
    return lane;
  }

  /** Even sockets that ask for little wait too long: no time to take more of them. */
  overloaded(nowMs: number): boolean {
    for (const lane of this.#lanes.values()) if (lane.behindMs(nowMs) >= this.#limits.overload_ms) return true;
    return false;
  }
}
