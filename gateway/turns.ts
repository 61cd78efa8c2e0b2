/** What one who takes turns has had of them. */
export class Share {
  /** When he has had his due, in the queue's time: bytes. */
  finish = 0;
  /** The turn that he waits for. */
  turn: object | undefined;
}

interface Turn<T> {
  readonly who: T;
  readonly start: number;
  readonly finish: number;
  readonly order: number;
}

/**
 * Whose turn it is, where turns cost: fair queueing (Demers, Keshav, Shenker 1989) by finish, with the queue's time taken from the start of what
 * is served (Goyal, Vin, Cheng 1996). Everybody gets the same share of what there is; who has had less than that, and asks for little, is next.
 * Coming and going again gets nobody ahead. Nothing is counted while nobody waits.
 */
export class Turns<T extends { readonly share: Share }> {
  /** A binary heap by finish, then by order. Turns that nobody wants any more stay in it until they come up. */
  #heap: Turn<T>[] = [];
  #waiting = 0;
  #order = 0;
  /** The queue's time: the latest start of a turn; and the latest finish that was counted. */
  #now = 0;
  #latest = 0;
  /** Those who have had less than their share, longest waiting first. */
  readonly #modest = new Map<T, number>();

  get waiting(): number {
    return this.#waiting;
  }

  /** Since when somebody waits who has had less than his share, monotonic ms; undefined where nobody does. */
  get modestSinceMs(): number | undefined {
    const [first] = this.#modest.values();
    return first;
  }

  join(who: T, cost: number, nowMs: number): void {
    const { share } = who;
    if (share.turn !== undefined) return;
    const start = Math.max(this.#now, share.finish);
    const turn: Turn<T> = { who, start, finish: start + cost, order: this.#order++ };
    share.turn = turn;
    if (start === this.#now) this.#modest.set(who, nowMs);
    this.#waiting++;
    this.#rise(turn);
  }

  leave(who: T): void {
    if (who.share.turn !== undefined) this.#end(who);
  }

  /** Who is next; he waits no more. */
  next(): T | undefined {
    for (let turn = this.#pop(); turn !== undefined; turn = this.#pop()) {
      const { who, start } = turn;
      if (who.share.turn !== turn) continue;
      this.#now = Math.max(this.#now, start);
      who.share.finish = start;
      this.#end(who);
      return who;
    }
    return undefined;
  }

  /** His last turn has cost so much. */
  charge(share: Share, cost: number): void {
    share.finish += cost;
    this.#latest = Math.max(this.#latest, share.finish);
  }

  #end(who: T): void {
    who.share.turn = undefined;
    this.#modest.delete(who);
    this.#waiting--;
    if (this.#waiting > 0) return;
    // Nobody waits: all are quits.
    this.#heap = [];
    this.#now = this.#latest;
  }

  #rise(turn: Turn<T>): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(turn);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(turn, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = turn;
  }

  #pop(): Turn<T> | undefined {
    const heap = this.#heap;
    const [top] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(one: Turn<unknown>, other: Turn<unknown>): boolean {
  return one.finish < other.finish || (one.finish === other.finish && one.order < other.order);
}
