/** Follows every frame of a simulated world, to show that nothing goes another way for it. */
import type { Tracer } from '../runtime/index.ts';

export interface Followed {
  frames: number;
  turns: number;
  hops: number;
  appends: number;
  /** Contexts that came another way than they left. */
  strays: number;
}

const departed = '>';

export class SimTracer implements Tracer {
  readonly followed: Followed = { frames: 0, turns: 0, hops: 0, appends: 0, strays: 0 };

  /** The context of one more frame. */
  begin(): string {
    return `f${++this.followed.frames}`;
  }

  left(context: string): string {
    this.#mustBe(!context.endsWith(departed));
    return context + departed;
  }

  arrived(context: string): string {
    this.followed.hops++;
    this.#mustBe(context.endsWith(departed));
    return context.slice(0, -departed.length);
  }

  turned(context: string): string {
    this.#mustBe(!context.endsWith(departed));
    return `${context.split('.', 1)[0]}.${++this.followed.turns}`;
  }

  appended(context: string): void {
    this.followed.appends++;
    this.#mustBe(context.includes('.'));
  }

  #mustBe(isSo: boolean): void {
    if (!isSo) this.followed.strays++;
  }
}
