import { encode } from '../proto/codec.ts';
import { type CloseWord, closeCodes } from '../proto/words.ts';
import type { OpenOutlet, Push } from '../runtime/index.ts';
import { Followed } from './followed.ts';
import type { Waiter } from './lane.ts';
import { Parked } from './parked.ts';
import { isAnswer, Passage } from './passage.ts';
import type { Phase } from './phase.ts';
import type { Socket, Surroundings } from './surroundings.ts';
import type { Share } from './turns.ts';
import type { Transport } from './wire.ts';

/** One client's socket, and the way between it and its connection actor. Knows one word alone: frames go through as they are. */
export class Connection implements Waiter {
  private readonly around: Surroundings;
  private readonly socket: Socket;
  private readonly outlet: OpenOutlet;
  private phase: Phase = 'introducing';
  private readonly parked: Parked;
  /** Frames that the actor has and has not been through. */
  private passage: Passage;
  private readonly followed: Followed;
  private deadlineMs = 0;
  private pauseMs = 0;
  private timer: NodeJS.Timeout | undefined;
  private introducedMs = Number.NEGATIVE_INFINITY;
  private againMs = 0;
  private closed = false;
  private settled = false;

  /** Introductions that went off. */
  private nth = 0;
  private readonly openedMs: number;
  private pingMs: number;
  /** Told to go elsewhere: closed by then if it has not gone by itself. */
  private farewellMs = Number.POSITIVE_INFINITY;
  private spoken = false;
  /** It has sent something since the last ping. */
  private alive = true;

  constructor(around: Surroundings, socket: Socket) {
    this.around = around;
    this.socket = socket;
    this.parked = new Parked(around.parked);
    this.followed = new Followed(around.tracer);
    this.passage = this.newPassage();
    this.openedMs = performance.now();
    // The first ping comes early by a share that differs from socket to socket, so that sockets opened together are not pinged together.
    this.pingMs = this.openedMs + around.limits.ping_ms * (1 - ((socket.number * 0.618) % 1) / 2);
    const { wire } = socket;
    wire.listen({
      frame: (bytes) => this.frame(bytes),
      alive: () => {
        this.alive = true;
      },
      broken: () => this.leave(),
      ended: () => {
        this.closed = true;
        socket.closed();
        this.leave();
        this.settleIfDone();
      },
    });
    this.outlet = around.door.openOutlet(
      socket.ref,
      (push, trace) => this.push(push, trace),
      () => this.moved(),
    );
    wire.pause();
    this.waitIn('introducing', around.limits.introduce_ms_max);
    this.attempt();
  }

  /** Bytes written that the client has not read. */
  get unreadBytes(): number {
    return this.closed ? 0 : this.socket.wire.unreadBytes;
  }

  get transport(): Transport {
    return this.socket.wire.transport;
  }

  get share(): Share {
    return this.passage.share;
  }

  get nextCost(): number {
    const { first } = this.parked;
    return this.phase === 'queued' && first !== undefined ? this.passage.costOf(first) : 0;
  }

  get left(): boolean {
    return this.phase === 'leaving' || this.phase === 'gone';
  }

  /** Closes the socket with a word, and tells its actor. */
  end(word: CloseWord): void {
    if (this.left) return;
    this.leave();
    this.closeSocket(closeCodes[word], word);
  }

  /** Ends it now, without another try of anything. */
  cutOff(): void {
    this.leave();
    clearTimeout(this.timer);
    this.phase = 'gone';
    this.socket.wire.terminate();
  }

  /** CON8: asks the client to connect elsewhere, which it does while this socket still serves it. */
  sendAway(nowMs: number): void {
    if (this.left || this.farewellMs !== Number.POSITIVE_INFINITY) return;
    this.farewellMs = nowMs + this.around.limits.farewell_ms;
    const reason = 'This server is leaving; connect to another one.';
    this.socket.wire.send(encode([{ kind: 'goaway', reason, afterMs: 0 }], this.socket.encoding));
  }

  /** A client that was sent away, and is still here, may stay. */
  keep(): void {
    this.farewellMs = Number.POSITIVE_INFINITY;
  }

  /** Called every `sweep_ms`: pings, and ends what is dead, has never spoken or should have gone. */
  beat(nowMs: number): void {
    if (this.left) return;
    const { limits, note } = this.around;
    if (nowMs >= this.farewellMs) {
      this.end('goaway');
      return;
    }
    if (this.phase === 'queued' && nowMs >= this.deadlineMs) {
      this.giveUp('overloaded');
      return;
    }
    // Lost on the way, and nobody has noticed.
    if (nowMs - this.passage.oldestMs >= limits.effect_ms_max) this.moved();
    if (!this.spoken && nowMs - this.openedMs >= limits.first_frame_ms && this.phase === 'open') {
      this.end('hello_timeout');
    } else if (nowMs >= this.pingMs) {
      // While reading is paused for its sake, a socket can't show that it is alive.
      if (!this.alive && this.phase === 'open') {
        note('dead');
        this.socket.wire.terminate();
        return;
      }
      this.alive = false;
      this.pingMs = nowMs + limits.ping_ms;
      this.socket.wire.ping();
    } else if (this.phase === 'queued') {
      // Held back, not lost: a client that hears nothing for long would look for another server, and be one more there.
      this.socket.wire.ping();
    }
  }

  // ---------------------------------------------------------------- frames from the client

  private frame(given: Uint8Array | string): void {
    const { traffic } = this.around;
    traffic.framesIn++;
    traffic.bytesIn += given.length;
    const bytes = this.followed.came(given);
    this.alive = true;
    this.spoken = true;
    if (this.phase === 'open') {
      const { free } = this.passage.lane;
      if (free && this.whisperFrame(bytes)) return;
      // The door may have called `moved` meanwhile.
      if ((this.phase as Phase) !== 'open') return;
      this.park(bytes);
      if (free) this.notTaken();
      else this.unpark();
    } else if (this.phase === 'parked' || this.phase === 'queued' || this.phase === 'introducing') {
      // The wire goes on with what it had read when it was paused.
      this.park(bytes);
    } else this.followed.clear();
  }

  private park(bytes: Uint8Array | string): void {
    if (this.parked.put(bytes, this.around.limits)) this.socket.wire.pause();
    else this.giveUp('overloaded');
  }

  /** Sends the frames that wait, in order, and opens the socket again when none is left. */
  private unpark(): void {
    if (this.left) return;
    if (this.parked.first === undefined) {
      clearTimeout(this.timer);
      this.phase = 'open';
      this.alive = true;
      this.socket.wire.resume();
      return;
    }
    if (this.phase !== 'queued') this.waitIn('queued', this.around.limits.lane_wait_ms_max);
    const { lane } = this.passage;
    lane.wait(this, performance.now());
    lane.serve();
  }

  /** A turn of the lane: the oldest frame goes. */
  handOver(): number {
    const bytes = this.parked.first;
    if (bytes === undefined || this.phase !== 'queued') return 0;
    const ok = this.whisperFrame(bytes);
    // The door has called `moved`: another wait has begun, and these frames are not wanted any more.
    if ((this.phase as Phase) !== 'queued') return 0;
    if (!ok) {
      this.notTaken();
      return 0;
    }
    this.parked.shift();
    // It goes on, if slowly: the wait begins anew.
    this.waitIn('queued', this.around.limits.lane_wait_ms_max);
    if (this.parked.first === undefined) this.unpark();
    return this.passage.costOf(bytes);
  }

  private notTaken(): void {
    if (this.left) return;
    this.passage.lane.leave(this);
    this.waitIn('parked', this.around.limits.park_ms_max);
    this.retryAfter(this.around.limits.retry_ms_min);
  }

  private whisperFrame(bytes: Uint8Array | string): boolean {
    const { passage } = this;
    const cost = passage.costOf(bytes);
    const answer = passage.lane.wantsAnswer(cost);
    const mail = { kind: 'frame', bytes, number: passage.nextNumber, nth: this.nth, answer } as const;
    if (this.around.door.whisper(this.socket.ref, mail, this.followed.contextOf(bytes)) !== 'ok') return false;
    this.followed.handedOver(bytes);
    passage.took(cost, answer, performance.now());
    return true;
  }

  // ---------------------------------------------------------------- pushes from the actor

  private push(push: Push, trace?: string): void {
    if (this.left) return;
    const { wire } = this.socket;
    if (isAnswer(push)) this.passage.answered(Number(push), performance.now());
    else if (typeof push !== 'string' && !(push instanceof Uint8Array)) {
      this.leave();
      this.closeSocket(push.close, push.word);
    } else if (wire.unreadBytes > this.around.limits.unread_bytes_max) {
      // Nothing is lost: what this client has not confirmed is in its timeline, and comes when it resumes.
      this.giveUp('overloaded');
    } else {
      const { traffic } = this.around;
      traffic.framesOut++;
      traffic.bytesOut += push.length;
      wire.send(push);
      this.followed.pushed(trace, push.length);
    }
  }

  private moved(): void {
    // Not introduced yet: nothing could be lost. Already at it: one introduction covers both.
    if (this.phase !== 'open' && this.phase !== 'parked' && this.phase !== 'queued') return;
    this.letGo();
    this.waitIn('reintroducing', this.around.limits.introduce_ms_max);
    this.socket.wire.resume();
    // In a moment: the door is in the middle of something when it calls. And later each time: whoever was told of this socket just now, and
    // does not know it, is busy with becoming the owner; all sockets of a partition at once, again and again, would keep it from that.
    const { retry_ms_min, retry_ms_max } = this.around.limits;
    const isNew = performance.now() - this.introducedMs >= 2 * retry_ms_max;
    this.againMs = isNew ? 0 : Math.min(retry_ms_max, Math.max(retry_ms_min, this.againMs * 2));
    this.retryAfter(this.againMs);
  }

  /** Frames here and on their way are not wanted any more. */
  private letGo(): void {
    this.parked.clear();
    this.followed.clear();
    this.passage.end(this);
  }

  /** Tells the actor that the socket is no more; once. */
  private leave(): void {
    if (this.left) return;
    const known = this.phase !== 'introducing';
    this.waitIn('leaving', this.around.limits.introduce_ms_max);
    this.letGo();
    if (known) this.attempt();
    else this.phase = 'gone';
    this.outlet.close();
  }

  private giveUp(word: CloseWord): void {
    if (this.left) return;
    this.around.note(word);
    this.end(word);
  }

  private closeSocket(code: number, word: string): void {
    const { wire } = this.socket;
    try {
      wire.close(code, word);
    } catch (error) {
      this.around.log.error({ error, code }, 'an actor closed a socket with a code or word that does not exist');
      wire.close(1011, '');
    }
  }

  // ---------------------------------------------------------------- one thing at a time that is tried again until it is taken

  private waitIn(phase: Phase, waitMs: number): void {
    clearTimeout(this.timer);
    this.phase = phase;
    this.deadlineMs = performance.now() + waitMs;
    this.pauseMs = this.around.limits.retry_ms_min;
  }

  private retryAfter(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.attempt(), ms);
  }

  private attempt(): void {
    if (this.taken()) return;
    if (performance.now() < this.deadlineMs) {
      this.retryAfter(this.pauseMs);
      this.pauseMs = Math.min(this.pauseMs * 2, this.around.limits.retry_ms_max);
    } else if (this.phase === 'leaving') {
      this.around.note('untold');
      this.phase = 'gone';
      this.settleIfDone();
    } else {
      this.giveUp(this.phase === 'parked' ? 'overloaded' : 'unavailable');
    }
  }

  /** One try of what this phase waits for; false when it is to be tried again. */
  private taken(): boolean {
    switch (this.phase) {
      case 'introducing':
      case 'reintroducing':
        if (!this.introduce(this.phase === 'reintroducing')) return false;
        // From here on what is not taken is a frame, and a `moved` counts.
        this.phase = 'parked';
        this.unpark();
        return true;
      case 'parked':
        return this.retry();
      case 'leaving':
        if (this.around.door.whisper(this.socket.ref, { kind: 'closed' }) !== 'ok') return false;
        this.phase = 'gone';
        this.settleIfDone();
        return true;
      // A turn comes by itself.
      case 'queued':
      case 'open':
      case 'gone':
        return true;
    }
  }

  /** The frame that was not taken, once more; the others after it wait for their turns. */
  private retry(): boolean {
    const bytes = this.parked.first;
    const ok = bytes === undefined || this.whisperFrame(bytes);
    if (this.phase !== 'parked') return true;
    if (!ok) return false;
    this.parked.shift();
    this.unpark();
    return true;
  }

  private introduce(again: boolean): boolean {
    const { ref, claims, encoding } = this.socket;
    const { outlet } = this.outlet;
    const mail = { kind: 'open', socket: outlet, claims, encoding, again, nth: this.nth + 1 } as const;
    if (this.around.door.whisper(ref, mail) !== 'ok') return false;
    this.nth++;
    this.introducedMs = performance.now();
    this.passage = this.newPassage();
    return true;
  }

  /** By the node that the actor lives on now. */
  private newPassage(): Passage {
    const { door, lanes, limits } = this.around;
    return new Passage(lanes.to(door.nodeOf(this.socket.ref)), limits.lane_frame_bytes);
  }

  private settleIfDone(): void {
    if (!this.closed || this.phase !== 'gone' || this.settled) return;
    this.settled = true;
    this.socket.settled();
  }
}
