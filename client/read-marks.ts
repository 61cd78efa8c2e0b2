import type { ConversationId, Read } from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';

interface Mark {
  readonly upTo: number;
  /** 0: not yet. */
  saidAt: number;
}

/**
 * How far the person has read. `read` has no answer, so a mark is kept for a while after it was said: the socket may have died with
 * it, and saying it twice does no harm.
 */
export class ReadMarks {
  readonly #marks = new Map<ConversationId, Mark>();
  #unsaid: ConversationId[] = [];

  /** Throws `overloaded` when marks of too many conversations wait for a connection. */
  mark(user: ConversationId, upTo: number): void {
    const known = this.#marks.get(user);
    if (known !== undefined && known.upTo >= upTo) return;
    if (known === undefined && this.#marks.size >= sdkLimits.read_marks_max) this.#makeRoom();
    if (known === undefined || known.saidAt !== 0) this.#unsaid.push(user);
    this.#marks.set(user, { upTo, saidAt: 0 });
  }

  /** Marks that are not said yet, which count as said from here on. */
  take(now: number): Read[] {
    if (this.#unsaid.length === 0) return [];
    const words = this.#unsaid.flatMap((user): Read[] => {
      const mark = this.#marks.get(user);
      if (mark === undefined) return [];
      mark.saidAt = now;
      return [{ kind: 'read', with: user, upTo: mark.upTo }];
    });
    this.#unsaid = [];
    return words;
  }

  /** On a new socket: everything said lately is to be said again. */
  again(): void {
    for (const mark of this.#marks.values()) mark.saidAt = 0;
    this.#unsaid = [...this.#marks.keys()];
  }

  /** Forgets what was said long ago. */
  tidy(now: number): void {
    for (const [user, mark] of this.#marks) {
      if (mark.saidAt !== 0 && now - mark.saidAt > sdkLimits.read_repeat_ms) this.#marks.delete(user);
    }
  }

  #makeRoom(): void {
    for (const [user, mark] of this.#marks) {
      if (mark.saidAt === 0) continue;
      this.#marks.delete(user);
      return;
    }
    throw new RingpostError('overloaded', 'Too many read marks wait for a connection.', true);
  }
}
