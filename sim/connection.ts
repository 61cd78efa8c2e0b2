/** One client's socket at the simulated edge, and the way between it and its connection actor: the phases of `gateway/connection.ts`. */
import { encode } from '../proto/codec.ts';
import type { Claims, ConnectionProtocol } from '../proto/mail.ts';
import { type CloseWord, closeCodes, type Encoding } from '../proto/words.ts';
import type { Door, OpenOutlet } from '../runtime/door.ts';
import type { Push, Ref } from '../runtime/index.ts';
import type { Cancel, Ports } from '../runtime/ports.ts';
import type { Data, FarEnd } from './line.ts';
import type { SimTracer } from './tracer.ts';

/** The bounds of `gateway/limits.ts` that matter here. Less may be unread, so that the bound is met at times. */
const limits = {
  ping_ms: 20_000,
  first_frame_ms: 15_000,
  unread_bytes_max: 256 * 1024,
  parked_frames_max: 4_096,
  park_ms_max: 5_000,
  introduce_ms_max: 15_000,
  retry_ms_min: 20,
  retry_ms_max: 500,
  effect_ms_max: 30_000,
  farewell_ms: 3_000,
};

type Phase = 'introducing' | 'open' | 'parked' | 'reintroducing' | 'leaving' | 'gone';

export interface Surroundings {
  readonly door: Door;
  readonly ports: Ports;
  /** For the trace. */
  readonly note: (words: string) => void;
  readonly tracer: SimTracer | undefined;
}

export interface Socket {
  readonly far: FarEnd;
  readonly ref: Ref<ConnectionProtocol>;
  readonly claims: Claims;
  readonly encoding: Encoding;
  readonly number: number;
  readonly settled: () => void;
}

export class Connection {
  readonly #around: Surroundings;
  readonly #socket: Socket;
  readonly #outlet: OpenOutlet;
  #phase: Phase = 'introducing';
  #parked: Data[] = [];
  #deadlineMs = 0;
  #pauseMs = 0;
  #introducedMs = Number.NEGATIVE_INFINITY;
  #againMs = 0;
  /** Frames since the last introduction, and when those were handed over that have had no effect yet. */
  #frames = 0;
  #underWay: number[] = [];
  /** Introductions that went off. */
  #nth = 0;
  #farewellMs = Number.POSITIVE_INFINITY;
  #timer: Cancel | undefined;
  #closed = false;
  #settled = false;
  readonly #openedMs: number;
  #pingMs: number;
  #spoken = false;
  #alive = true;

  constructor(around: Surroundings, socket: Socket) {
    this.#around = around;
    this.#socket = socket;
    this.#openedMs = this.#nowMs;
    this.#pingMs = this.#openedMs + limits.ping_ms * (1 - ((socket.number * 0.618) % 1) / 2);
    const { far } = socket;
    far.onData = (data) => this.#frame(data);
    far.onPong = () => {
      this.#alive = true;
    };
    far.onClose = () => {
      this.#closed = true;
      this.#leave();
      this.#settleIfDone();
    };
    this.#outlet = around.door.openOutlet(
      socket.ref,
      (push) => this.#push(push),
      () => this.#moved(),
    );
    far.pause();
    this.#waitIn('introducing', limits.introduce_ms_max);
    this.#attempt();
  }

  end(word: CloseWord): void {
    if (this.left) return;
    this.#note(`ends: ${word}`);
    this.#leave();
    this.#closeSocket(closeCodes[word], word);
  }

  /** Asks the client to connect elsewhere, which it does while this socket still serves it. */
  sendAway(): void {
    if (this.left || this.#farewellMs !== Number.POSITIVE_INFINITY) return;
    this.#farewellMs = this.#nowMs + limits.farewell_ms;
    const word = { kind: 'goaway', reason: 'This server is leaving; connect to another one.', afterMs: 0 } as const;
    this.#socket.far.send(encode([word], this.#socket.encoding));
  }

  /** A client that was sent away, and is still here, may stay. */
  keep(): void {
    this.#farewellMs = Number.POSITIVE_INFINITY;
  }

  get left(): boolean {
    return this.#phase === 'leaving' || this.#phase === 'gone';
  }

  cutOff(): void {
    this.#leave();
    this.#timer?.();
    this.#phase = 'gone';
    this.#socket.far.terminate();
  }

  beat(nowMs: number): void {
    if (this.left) return;
    if (nowMs >= this.#farewellMs) {
      this.end('goaway');
      return;
    }
    // Lost on the way, and nobody has noticed.
    if (nowMs - (this.#underWay[0] ?? nowMs) >= limits.effect_ms_max) this.#moved();
    if (!this.#spoken && nowMs - this.#openedMs >= limits.first_frame_ms && this.#phase === 'open') {
      this.end('hello_timeout');
    } else if (nowMs >= this.#pingMs) {
      if (!this.#alive && this.#phase === 'open') {
        this.#socket.far.terminate();
        return;
      }
      this.#alive = false;
      this.#pingMs = nowMs + limits.ping_ms;
      this.#socket.far.ping();
    }
  }

  #frame(bytes: Data): void {
    this.#alive = true;
    this.#spoken = true;
    if (this.#phase === 'open') {
      if (this.#whisperFrame(bytes)) return;
      // The door may have called `moved` meanwhile.
      if ((this.#phase as Phase) !== 'open') return;
      this.#parked.push(bytes);
      this.#socket.far.pause();
      this.#waitIn('parked', limits.park_ms_max);
      this.#retryAfter(limits.retry_ms_min);
    } else if (this.#phase === 'parked' || this.#phase === 'introducing') {
      this.#parked.push(bytes);
      if (this.#parked.length > limits.parked_frames_max) this.end('overloaded');
    }
  }

  #push(push: Push): void {
    if (this.left) return;
    const { far } = this.#socket;
    // The number of a frame that has had its effect: no frame begins with a digit.
    if (typeof push === 'string' && /^\d/.test(push)) this.#answered(Number(push));
    else if (typeof push !== 'string' && !(push instanceof Uint8Array)) {
      this.#leave();
      this.#closeSocket(push.close, push.word);
    } else if (far.bufferedAmount > limits.unread_bytes_max) {
      this.end('overloaded');
    } else far.send(push);
  }

  #answered(upTo: number): void {
    this.#underWay.splice(0, this.#underWay.length - (this.#frames - upTo));
  }

  #moved(): void {
    if (this.#phase !== 'open' && this.#phase !== 'parked') return;
    this.#parked = [];
    this.#underWay = [];
    this.#waitIn('reintroducing', limits.introduce_ms_max);
    this.#socket.far.resume();
    // At once, unless it was introduced a moment ago: an owner that does not serve yet answers every introduction with `moved`.
    const soon = this.#nowMs - this.#introducedMs < 2 * limits.retry_ms_max;
    this.#againMs = soon ? Math.min(limits.retry_ms_max, Math.max(limits.retry_ms_min, this.#againMs * 2)) : 0;
    this.#retryAfter(this.#againMs);
  }

  #leave(): void {
    if (this.left) return;
    const known = this.#phase !== 'introducing';
    this.#parked = [];
    this.#waitIn('leaving', limits.introduce_ms_max);
    if (known) this.#attempt();
    else this.#phase = 'gone';
    this.#outlet.close();
  }

  #closeSocket(code: number, word: string): void {
    // A paused socket would not read the answer to its close.
    this.#socket.far.resume();
    this.#socket.far.close(code, word);
  }

  get #nowMs(): number {
    return this.#around.ports.clock.monotonicMs();
  }

  #waitIn(phase: Phase, waitMs: number): void {
    this.#timer?.();
    if (phase !== 'introducing') this.#note(`is ${phase}`);
    this.#phase = phase;
    this.#deadlineMs = this.#nowMs + waitMs;
    this.#pauseMs = limits.retry_ms_min;
  }

  #retryAfter(ms: number): void {
    this.#timer?.();
    this.#timer = this.#around.ports.timers.after(ms, () => this.#attempt());
  }

  #attempt(): void {
    if (this.#taken()) return;
    if (this.#nowMs < this.#deadlineMs) {
      this.#retryAfter(this.#pauseMs);
      this.#pauseMs = Math.min(this.#pauseMs * 2, limits.retry_ms_max);
    } else if (this.#phase === 'leaving') {
      this.#phase = 'gone';
      this.#settleIfDone();
    } else this.end(this.#phase === 'parked' ? 'overloaded' : 'unavailable');
  }

  #taken(): boolean {
    switch (this.#phase) {
      case 'introducing':
      case 'reintroducing':
        if (!this.#introduce(this.#phase === 'reintroducing')) return false;
        this.#waitIn('parked', limits.park_ms_max);
        return this.#unpark();
      case 'parked':
        return this.#unpark();
      case 'leaving':
        if (this.#around.door.whisper(this.#socket.ref, { kind: 'closed' }) !== 'ok') return false;
        this.#phase = 'gone';
        this.#settleIfDone();
        return true;
      case 'open':
      case 'gone':
        return true;
    }
  }

  #introduce(again: boolean): boolean {
    const { ref, claims, encoding } = this.#socket;
    const { outlet } = this.#outlet;
    const mail = { kind: 'open', socket: outlet, claims, encoding, again, nth: this.#nth + 1 } as const;
    if (this.#around.door.whisper(ref, mail) !== 'ok') return false;
    this.#nth++;
    this.#introducedMs = this.#nowMs;
    this.#frames = 0;
    this.#underWay = [];
    return true;
  }

  #unpark(): boolean {
    const frames = this.#parked;
    for (const [index, bytes] of frames.entries()) {
      const ok = this.#whisperFrame(bytes);
      if (this.#phase !== 'parked') return true;
      if (!ok) {
        this.#parked = frames.slice(index);
        if (index > 0) this.#waitIn('parked', limits.park_ms_max);
        return false;
      }
    }
    this.#parked = [];
    this.#phase = 'open';
    this.#alive = true;
    this.#socket.far.resume();
    return true;
  }

  #whisperFrame(bytes: Data): boolean {
    const mail = { kind: 'frame', bytes, number: this.#frames + 1, nth: this.#nth, answer: true } as const;
    const { door, tracer } = this.#around;
    if (door.whisper(this.#socket.ref, mail, tracer?.begin()) !== 'ok') return false;
    this.#frames++;
    this.#underWay.push(this.#nowMs);
    return true;
  }

  #note(words: string): void {
    const { claims, number } = this.#socket;
    this.#around.note(`socket ${number} of ${claims.user}/${claims.device} ${words}`);
  }

  #settleIfDone(): void {
    if (!this.#closed || this.#phase !== 'gone' || this.#settled) return;
    this.#settled = true;
    this.#socket.settled();
  }
}
