import type { GatewayLimits } from './limits.ts';
import { type Share, Turns } from './turns.ts';

/** A socket with frames that wait for their turn. */
export interface Waiter {
  readonly share: Share;
  /** What its oldest frame that waits for a turn will cost; 0 for none. */
  readonly nextCost: number;
  /** Hands over that frame: what it cost; 0 when it was not taken. */
  handOver(): number;
}

/** A frame that was asked to be answered when it has had its effect. */
export interface Mark {
  /** Of all that went over the lane, the bytes up to and including this frame. */
  readonly upTo: number;
  readonly atMs: number;
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
 * One frame in some KiB is answered: what went before it counts as done with it, for the engine gives all actors their turns in rounds. So
 * knowing what is under way costs next to nothing, and a single actor that does not answer holds up nobody else.
 *
 * The budget follows the time that frames take, as TCP Vegas (Brakmo, Peterson 1995) has a window follow the round trip.
 */
export class Lane {
  readonly #limits: GatewayLimits;
  readonly #turns = new Turns<Waiter>();
  #budget: number;
  /** Bytes that went over the lane; up to which they are done; up to the last mark. And marks without an answer. */
  #sent = 0;
  #done = 0;
  #marked = 0;
  #marks = 0;
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
    // What the node can do is not known yet; the budget doubles in a few looks where it is too small.
    this.#budget = limits.lane_bytes_min;
  }

  get underWay(): number {
    return this.#sent - this.#done;
  }

  get budget(): number {
    return this.#budget;
  }

  get waiting(): number {
    return this.#turns.waiting;
  }

  /** How long even a socket that asks for little has waited by now. */
  behindMs(nowMs: number): number {
    return nowMs - (this.#turns.modestSinceMs ?? nowMs);
  }

  /** True when a frame may go now, without a wait. */
  get free(): boolean {
    return this.waiting === 0 && this.underWay < this.#budget;
  }

  /** Whether the next frame, of this cost, is to be answered. */
  wantsAnswer(cost: number): boolean {
    return this.#marks === 0 || this.#sent + cost - this.#marked >= this.#limits.lane_mark_bytes;
  }

  /** A frame of this cost is under way; a mark if it is to be answered. */
  took(cost: number, marked: boolean, nowMs: number): Mark | undefined {
    this.#sent += cost;
    if (!marked) return undefined;
    this.#marks++;
    this.#marked = this.#sent;
    return { upTo: this.#sent, atMs: nowMs };
  }

  wait(waiter: Waiter, nowMs: number): void {
    if (waiter.nextCost > 0) this.#turns.join(waiter, waiter.nextCost, nowMs);
  }

  leave(waiter: Waiter): void {
    this.#turns.leave(waiter);
  }

  /** A marked frame has had its effect. */
  answered({ upTo, atMs }: Mark, nowMs: number): void {
    this.#end(upTo);
    // What was under way at the last look says nothing of the budget since then.
    if (atMs >= this.#lookedMs) {
      if (this.#frames++ === 0) this.#firstMs = nowMs;
      this.#tookMs += nowMs - atMs;
      if (nowMs - this.#firstMs >= look_ms) this.#look(nowMs);
    }
    this.#serveSoon();
  }

  /** A marked frame that will not be answered any more. */
  forget(_: Mark): void {
    this.#end(0);
    this.#serveSoon();
  }

  #end(upTo: number): void {
    this.#marks--;
    // With no answer to wait for, what is left unmarked is little; or the node that it was for is gone.
    this.#done = this.#marks === 0 ? this.#sent : Math.max(this.#done, upTo);
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
    while (this.underWay < this.#budget && this.waiting > 0) this.#serveOne();
    this.#serving = false;
  }

  #serveOne(): void {
    const waiter = this.#turns.next();
    if (waiter === undefined) return;
    const { share } = waiter;
    this.#turns.charge(share, waiter.handOver());
    this.wait(waiter, performance.now());
  }

  #look(nowMs: number): void {
    const { lane_bytes_min, lane_bytes_max, lane_ms_target } = this.#limits;
    const meanMs = this.#tookMs / this.#frames;
    this.#lookedMs = nowMs;
    this.#tookMs = 0;
    this.#frames = 0;
    // With nothing waiting the budget bounds nothing; and with little under way it is not this edge that makes frames slow.
    if (this.waiting === 0 || this.underWay * 2 < this.#budget) {
      if (this.underWay * 4 < lane_bytes_min) this.#idleMs += (meanMs - this.#idleMs) * idle_weight;
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

  /** Of the node to which most is under way, bytes. */
  get underWay(): number {
    let most = 0;
    for (const lane of this.#lanes.values()) most = Math.max(most, lane.underWay);
    return most;
  }

  /** How long even a socket that asks for little has waited by now, at the slowest. */
  behindMs(nowMs: number): number {
    let most = 0;
    for (const lane of this.#lanes.values()) most = Math.max(most, lane.behindMs(nowMs));
    return most;
  }

  /** Even sockets that ask for little wait too long: no time to take more of them. */
  overloaded(nowMs: number): boolean {
    return this.behindMs(nowMs) >= this.#limits.overload_ms;
  }
}
