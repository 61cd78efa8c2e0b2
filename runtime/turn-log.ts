/**
 * An actor's last turns, for an operator who looks at it. They are kept for a minute after a look at the actor, or after a turn of it threw. To keep those
 * of all actors took 0.4 to 0.9 µs a turn, of 15 µs and more, and a kilobyte of memory for each that is awake.
 */
import type { Address } from './actor.ts';
import type { Mail } from './cell.ts';
import { errorWords } from './dead-letter.ts';
import type { Clock } from './ports.ts';
import type { Effects } from './turn.ts';

/** Of one actor. */
const turns_max = 16;
/** After the last look, or the last turn that threw. */
const kept_ms = 60_000;
/** Actors of one partition whose turns are kept; the one that nobody has looked at for longest makes room. */
const watched_max = 256;

/** One turn, without what its mail said. */
export interface TurnNote {
  /** Kind of its mail. */
  readonly mail: string;
  /** '' where no actor sent it. */
  readonly from: Address;
  /** `volatile`: an ask, a whisper, or a word of a socket. */
  readonly by: 'channel' | 'neighbour' | 'timer' | 'volatile';
  /** Wall time of its beginning, ms. */
  readonly at: number;
  readonly tookUs: number;
  /** Times that it wrote a row. */
  readonly rows: number;
  /** Durable mails, and whispers, replies and pushes. */
  readonly mails: number;
  readonly outputs: number;
  /** The error that it threw, cut short; '' for none. Then nothing of it stayed. */
  readonly threw: string;
}

export class TurnLog {
  /** By this, monotonic ms, it is over. */
  untilMs: number;
  /** Oldest first. */
  readonly notes: TurnNote[] = [];

  constructor(nowMs: number) {
    this.untilMs = nowMs + kept_ms;
  }

  /** The turn that is just over began at `beganMs`, monotonic. `what`: what it did, or what it threw. */
  add(mail: Mail, beganMs: number, clock: Clock, writes: number, what: Effects | { readonly threw: unknown }): void {
    const tookMs = clock.monotonicMs() - beganMs;
    const did = 'threw' in what ? { mails: 0, outputs: 0, threw: errorWords(what.threw) } : counted(what);
    this.notes.push({
      ...{ mail: mail.body.kind, from: mail.from ?? '', by: mail.origin?.kind ?? 'volatile' },
      ...{ at: clock.wallMs() - tookMs, tookUs: Math.round(tookMs * 1_000), rows: writes },
      ...did,
    });
    if (this.notes.length > turns_max) this.notes.shift();
  }
}

function counted({ mails, outputs }: Effects): Pick<TurnNote, 'mails' | 'outputs' | 'threw'> {
  return { mails: mails?.length ?? 0, outputs: outputs?.length ?? 0, threw: '' };
}

/** The actors of a partition whose turns are kept, be they awake or not. */
export class TurnLogs {
  /** The one that was looked at last comes last. */
  readonly #logs = new Map<Address, TurnLog>();

  get(address: Address): TurnLog | undefined {
    return this.#logs.get(address);
  }

  /** Keeps them from now on, if that was not so before. */
  keep(address: Address, nowMs: number): TurnLog {
    for (const [known, { untilMs }] of this.#logs) if (untilMs <= nowMs) this.#logs.delete(known);
    const log = this.#logs.get(address) ?? new TurnLog(nowMs);
    log.untilMs = nowMs + kept_ms;
    this.#logs.delete(address);
    this.#logs.set(address, log);
    const [oldest] = this.#logs;
    if (this.#logs.size > watched_max && oldest !== undefined) {
      oldest[1].untilMs = nowMs;
      this.#logs.delete(oldest[0]);
    }
    return log;
  }
}
