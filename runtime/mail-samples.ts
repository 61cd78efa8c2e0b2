/**
 * Samples of the mail that has its turns at a node, for operators who watch: addresses, the word, how long it is and how long its turn took; never what
 * is in it. Nothing is sampled unless somebody has asked within the last moments, and then so much and no more.
 */
import type { Address } from './actor.ts';
import type { Mail } from './cell.ts';
import { found, type Inspected, none } from './inspection.ts';
import type { Clock, PartitionId, Random } from './ports.ts';
import { roughBytes } from './size.ts';

/** Of a node, for all who watch together. */
const samples_per_s_max = 100;
/** That wait for one who watches; older ones make room. */
const samples_waiting_max = 200;
/** Who watches at a time. */
const watches_max = 16;
/** Whoever has not asked for so long is forgotten. */
const lease_ms = 5_000;

export interface MailAsk {
  /** Tells those who watch from one another. */
  readonly watch: string;
  /** Of actors that the mail is to; '' for all. */
  readonly actorKind: string;
  /** The only one whose mail is wanted. */
  readonly only?: PartitionId;
  /** Of the mails, 0 to 1. */
  readonly share: number;
}

export interface MailSample {
  readonly at: number;
  readonly partition: PartitionId;
  /** '' where no actor sent it. */
  readonly from: Address;
  readonly to: Address;
  readonly word: string;
  /** About, when it is packed. */
  readonly bytes: number;
  readonly turnUs: number;
}

export interface MailNews {
  readonly samples: readonly MailSample[];
  /** That were to be told and are not, for there were too many. */
  readonly missed: number;
}

interface Watch {
  ask: MailAsk;
  untilMs: number;
  waiting: MailSample[];
  missed: number;
}

export class MailSamples {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #watches = new Map<string, Watch>();
  /** False while nobody watches: all that mail costs then is to look at this. */
  active = false;
  #secondMs = Number.NEGATIVE_INFINITY;
  #inSecond = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** What came since the same one asked last; to ask renews its lease. */
  news(ask: MailAsk): Inspected<MailNews> {
    const untilMs = this.#clock.monotonicMs() + lease_ms;
    let watch = this.#watches.get(ask.watch);
    if (watch === undefined) {
      this.#forgetOld();
      if (this.#watches.size >= watches_max)
        return none('failed', `${watches_max} watch the mail of this node already`);
      watch = { ask, untilMs, waiting: [], missed: 0 };
      this.#watches.set(ask.watch, watch);
      this.active = true;
    }
    const { waiting: samples, missed } = watch;
    Object.assign(watch, { ask, untilMs, waiting: [], missed: 0 });
    return found({ samples, missed });
  }

  /** A mail has had its turn, which began at `startMs`. To be called only while it is active. */
  take(partition: PartitionId, { to, from, body }: Pick<Mail, 'to' | 'from' | 'body'>, startMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    const turnUs = Math.round((nowMs - startMs) * 1_000);
    let sample: MailSample | undefined;
    for (const [name, watch] of this.#watches) {
      const { ask, untilMs } = watch;
      if (nowMs > untilMs) {
        this.#watches.delete(name);
        this.active = this.#watches.size > 0;
        continue;
      }
      if (!this.#wants(ask, partition, to)) continue;
      if (sample === undefined) {
        if (!this.#mayTake(nowMs)) {
          watch.missed++;
          continue;
        }
        const at = this.#clock.wallMs();
        sample = { at, partition, from: from ?? '', to, word: body.kind, bytes: bytesOf(body), turnUs };
      }
      watch.waiting.push(sample);
      if (watch.waiting.length <= samples_waiting_max) continue;
      watch.waiting.shift();
      watch.missed++;
    }
  }

  #wants({ actorKind, only, share }: MailAsk, partition: PartitionId, to: Address): boolean {
    if (only !== undefined && only !== partition) return false;
    if (actorKind !== '' && !to.startsWith(`${actorKind}/`)) return false;
    return share >= 1 || this.#random.fraction() < share;
  }

  #mayTake(nowMs: number): boolean {
    if (nowMs - this.#secondMs >= 1_000) {
      this.#secondMs = nowMs;
      this.#inSecond = 0;
    }
    return this.#inSecond++ < samples_per_s_max;
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [name, { untilMs }] of this.#watches) if (nowMs > untilMs) this.#watches.delete(name);
  }
}

/** 0 for what can't be packed: it has never left this process, and a watcher is not to break what it watches. */
function bytesOf(body: object): number {
  try {
    return roughBytes(body);
  } catch {
    return 0;
  }
}
