import { decodeClientFrame } from '../proto/decode.ts';
import type { ConnectionProtocol } from '../proto/mail.ts';
import { refused } from '../proto/refusals.ts';
import { type ClientWord, type CloseWord, closeCodes, costOf, type ServerWord } from '../proto/words.ts';
import { type AnyBehaviour, behaviour, type MailOf, type Turn } from '../runtime/index.ts';
import { beforeEach } from './before-each.ts';
import { take } from './connection/bucket.ts';
import { acknowledge, flowFrom, pass, room, wanted } from './connection/flow.ts';
import { answer, detach, forward, type Phase, push, type Socket } from './connection/socket.ts';
import { Connection, User } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';

type Mail<K extends keyof ConnectionProtocol> = Extract<MailOf<ConnectionProtocol>, { kind: K }>;

interface ConnectionMemory {
  readonly limits: MessengerLimits;
  phase: Phase;
}

export function connectionBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<ConnectionProtocol, ConnectionMemory>(Connection, {
    wake: (_, spoilt) => ({ limits, phase: wakingPhase(spoilt?.phase) }),
    nodeLost: (memory, gone, turn) => edgeLost(memory, gone, turn),
    mayRest: ({ phase }) => phase.kind === 'unopened' || phase.kind === 'closing',
    turns: beforeEach<ConnectionProtocol, ConnectionMemory>(steady, {
      open,
      frame,
      closed,
      greet,
      say,
      news,
      end,
      helloDue,
      nudge,
      check,
      renew,
    }),
  });
}

function wakingPhase(spoilt: Phase | undefined): Phase {
  if (spoilt === undefined || spoilt.kind === 'unopened') return { kind: 'unopened' };
  return { kind: 'shaken', socket: spoilt.socket };
}

/** After a turn that failed: what was pushed and what was not is unknown, so the client is asked to begin again. */
function steady(memory: ConnectionMemory, mail: MailOf<ConnectionProtocol>, turn: Turn): boolean {
  const { phase } = memory;
  if (phase.kind !== 'shaken') return true;
  const { socket } = phase;
  socket.renewing = false;
  socket.checking = false;
  resync(memory, socket, turn);
  if (mail.kind !== 'frame') return true;
  answer(socket, mail, turn);
  return false;
}

// ---------------------------------------------------------------- from the edge

function open(memory: ConnectionMemory, mail: Mail<'open'>, turn: Turn): void {
  const { limits } = memory;
  const socket: Socket = {
    outlet: mail.socket,
    claims: mail.claims,
    user: User.ref(mail.claims.user),
    encoding: mail.encoding,
    frames: 0,
    nth: mail.nth ?? 0,
    forwarded: 0,
    since: turn.now,
    bucket: { tokens: limits.words_burst_max, at: turn.now },
    badFrames: 0,
    fastFrames: 0,
    watching: new Map(),
    renewing: false,
    checking: false,
  };
  if (mail.again) resync(memory, socket, turn);
  else greeting(memory, socket, true, turn);
}

/** What the client has said may be lost, and what it was told: it is to say hello again, and to repeat what has no answer. */
function resync(memory: ConnectionMemory, socket: Socket, turn: Turn): void {
  greeting(memory, socket, false, turn);
  push(socket, [{ kind: 'resync' }], turn);
}

function greeting(memory: ConnectionMemory, socket: Socket, first: boolean, turn: Turn): void {
  socket.since = turn.now;
  memory.phase = { kind: 'greeting', socket, first };
  turn.later(memory.limits.hello_wait_ms, { kind: 'helloDue' });
}

function frame(memory: ConnectionMemory, mail: Mail<'frame'>, turn: Turn): void {
  const { phase, limits } = memory;
  const { bytes } = mail;
  // Without its socket nothing can be answered; the edge will introduce it, or has closed it.
  if (phase.kind === 'unopened' || phase.kind === 'closing') return;
  const { socket } = phase;
  if (!answer(socket, mail, turn)) {
    resync(memory, socket, turn);
    return;
  }
  const decoded = decodeClientFrame(bytes, socket.encoding);
  const words = decoded.ok ? decoded.words.reduce((sum, word) => sum + costOf(word), 0) : 1;
  const rate = { perSecond: limits.words_per_s_max, burst: limits.words_burst_max };
  const waitMs = take(socket.bucket, rate, words + (bytes.length >> 10), turn.now);
  if (waitMs > 0) {
    tooFast(memory, socket, decoded.ok ? decoded.words : [], waitMs, turn);
    return;
  }
  if (socket.bucket.tokens >= limits.words_burst_max / 2) socket.fastFrames = 0;
  if (decoded.ok) {
    const due: ClientWord[] = [];
    for (const word of decoded.words) if (!takeWord(memory, word, due, turn)) break;
    forward(socket, due, turn);
  } else strike(memory, socket, refused(decoded.code, decoded, { reason: decoded.reason }), turn);
}

/** Puts what is for the user into `due`. False when the frame's other words are not to be looked at. */
function takeWord(memory: ConnectionMemory, word: ClientWord, due: ClientWord[], turn: Turn): boolean {
  const { phase } = memory;
  if (phase.kind === 'unopened' || phase.kind === 'closing') return false;
  const { socket } = phase;
  if (word.kind === 'hello') {
    forward(socket, due.splice(0), turn);
    socket.forwarded = 0;
    socket.since = turn.now;
    memory.phase = { kind: 'attaching', socket };
    turn.later(memory.limits.hello_wait_ms, { kind: 'helloDue' });
    turn.whisper(socket.user, {
      kind: 'attach',
      connection: turn.self,
      claims: socket.claims,
      hello: word,
    });
    return true;
  }
  if (phase.kind === 'greeting' || phase.kind === 'shaken') {
    // After `resync` these words were on their way already; the client repeats them after its hello.
    if (phase.kind === 'greeting' && phase.first) strike(memory, socket, refused('hello_first', named(word)), turn);
    return false;
  }
  if (word.kind === 'received') {
    if (phase.kind === 'attaching') return true;
    const upTo = acknowledge(phase.flow, word.upTo);
    due.push({ kind: 'received', upTo });
    pullMore(memory, phase, turn);
    return true;
  }
  if (word.kind === 'watch') {
    socket.watching = new Map(word.users.map((user) => [user, undefined]));
    renewLater(memory, socket, turn);
  }
  due.push(word);
  return true;
}

function closed(memory: ConnectionMemory, _: Mail<'closed'>, turn: Turn): void {
  const { phase } = memory;
  if (phase.kind !== 'unopened') detach(phase.socket, turn);
  memory.phase = { kind: 'unopened' };
  turn.sleep();
}

/** The node that held the socket is gone. Was it only out of reach, its edge will introduce the socket again. */
function edgeLost(
  memory: ConnectionMemory,
  gone: { readonly node: string; readonly incarnation: string },
  turn: Turn,
): void {
  const { phase } = memory;
  if (phase.kind === 'unopened') return;
  const { outlet } = phase.socket;
  if (outlet.node === gone.node && outlet.incarnation === gone.incarnation) closed(memory, { kind: 'closed' }, turn);
}

// ---------------------------------------------------------------- from its user

function greet(memory: ConnectionMemory, { welcome }: Mail<'greet'>, turn: Turn): void {
  const { phase } = memory;
  if (phase.kind === 'unopened' || phase.kind === 'closing') {
    forget(turn);
    return;
  }
  // An answer to a hello from before a move; the next hello is under way.
  if (phase.kind === 'greeting') return;
  const online = { kind: 'online', socket: phase.socket, flow: flowFrom(welcome.cursor, welcome.head) } as const;
  memory.phase = online;
  checkLater(memory, phase.socket, turn);
  push(online.socket, [welcome], turn);
  pullMore(memory, online, turn);
}

function say(memory: ConnectionMemory, { words }: Mail<'say'>, turn: Turn): void {
  const { phase } = memory;
  if (phase.kind === 'unopened' || phase.kind === 'closing') {
    forget(turn);
    return;
  }
  const { socket } = phase;
  const due = words.filter((word) => isDue(phase, word));
  // The user does not know this connection (any more): it starts again from hello.
  if (due.some((word) => word.kind === 'resync')) greeting(memory, socket, false, turn);
  push(socket, due, turn);
}

function isDue(phase: Exclude<Phase, { kind: 'unopened' }>, word: ServerWord): boolean {
  // A hello that is under way is the better answer to what it came too late for.
  if (word.kind === 'resync') return phase.kind === 'online';
  if (word.kind !== 'presence') return true;
  const { watching } = phase.socket;
  if (!watching.has(word.user)) return false;
  const told = watching.get(word.user);
  watching.set(word.user, word);
  // Every renewal of the watch is answered, mostly with what is known. While somebody is there, "last seen" is no news.
  return told?.online !== word.online || (!word.online && told.lastSeen !== word.lastSeen);
}

function news(memory: ConnectionMemory, { n, words }: Mail<'news'>, turn: Turn): void {
  const { phase, limits } = memory;
  if (phase.kind === 'unopened' || phase.kind === 'closing') {
    forget(turn);
    return;
  }
  // Before the greeting nothing can be placed; afterwards it is asked for.
  if (phase.kind !== 'online') return;
  push(phase.socket, pass(phase.flow, n, words, limits), turn);
  pullMore(memory, phase, turn);
}

function end(memory: ConnectionMemory, { code, word, last }: Mail<'end'>, turn: Turn): void {
  const { phase } = memory;
  if (phase.kind === 'unopened' || phase.kind === 'closing') return;
  if (last !== undefined) push(phase.socket, [last], turn);
  turn.push(phase.socket.outlet, { close: code, word });
  memory.phase = { kind: 'closing', socket: phase.socket };
}

/** Its user still counts on a socket that is gone. */
function forget(turn: Turn): void {
  const [, user = ''] = turn.self.split('/');
  turn.whisper(User.ref(user), { kind: 'detach', connection: turn.self });
  turn.sleep();
}

// ---------------------------------------------------------------- timers

function helloDue(memory: ConnectionMemory, _: Mail<'helloDue'>, turn: Turn): void {
  const { phase, limits } = memory;
  if (phase.kind !== 'greeting' && phase.kind !== 'attaching') return;
  const left = phase.socket.since + limits.hello_wait_ms - turn.now;
  if (left > 0) turn.later(left, { kind: 'helloDue' });
  else close(memory, phase.socket, phase.kind === 'greeting' ? 'hello_timeout' : 'unavailable', turn);
}

function nudge(memory: ConnectionMemory, _: Mail<'nudge'>, turn: Turn): void {
  const { phase } = memory;
  if (phase.kind !== 'online' || phase.flow.asked !== phase.flow.sent) return;
  phase.flow.asked = -1;
  pullMore(memory, phase, turn);
}

function check(memory: ConnectionMemory, _: Mail<'check'>, turn: Turn): void {
  const { phase, limits } = memory;
  if (phase.kind === 'unopened' || phase.kind === 'closing') return;
  phase.socket.checking = false;
  checkLater(memory, phase.socket, turn);
  if (phase.kind === 'online') pull(phase, Math.max(1, room(phase.flow, limits)), turn);
}

function checkLater({ limits }: ConnectionMemory, socket: Socket, turn: Turn): void {
  if (socket.checking) return;
  socket.checking = true;
  turn.later(limits.check_ms, { kind: 'check' });
}

function renew(memory: ConnectionMemory, _: Mail<'renew'>, turn: Turn): void {
  const { phase } = memory;
  if (phase.kind === 'unopened' || phase.kind === 'closing') return;
  phase.socket.renewing = false;
  renewLater(memory, phase.socket, turn);
  if (phase.kind === 'online' && phase.socket.watching.size > 0) {
    forward(phase.socket, [{ kind: 'watch', users: [...phase.socket.watching.keys()] }], turn);
  }
}

function renewLater({ limits }: ConnectionMemory, socket: Socket, turn: Turn): void {
  if (socket.renewing || socket.watching.size === 0) return;
  socket.renewing = true;
  turn.later(limits.presence_lease_ms / 2, { kind: 'renew' });
}

// ---------------------------------------------------------------- in and out

function pullMore(memory: ConnectionMemory, online: Extract<Phase, { kind: 'online' }>, turn: Turn): void {
  const limit = wanted(online.flow, memory.limits);
  if (limit === 0) return;
  pull(online, limit, turn);
  turn.later(memory.limits.pull_retry_ms, { kind: 'nudge' });
}

function pull({ socket, flow }: Extract<Phase, { kind: 'online' }>, limit: number, turn: Turn): void {
  turn.whisper(socket.user, { kind: 'pull', connection: turn.self, after: flow.sent, limit });
}

function close(memory: ConnectionMemory, socket: Socket, word: CloseWord, turn: Turn): void {
  turn.push(socket.outlet, { close: closeCodes[word], word });
  detach(socket, turn);
  memory.phase = { kind: 'closing', socket };
}

// ---------------------------------------------------------------- refusals

/** Answers a frame that breaks the protocol, and closes the socket after a few of them. */
function strike(memory: ConnectionMemory, socket: Socket, answer: ServerWord, turn: Turn): void {
  push(socket, [answer], turn);
  socket.badFrames++;
  if (socket.badFrames >= memory.limits.malformed_frames_max) close(memory, socket, 'malformed', turn);
}

/** Every word of the frame is refused, so that a later one cannot overtake an earlier one. */
function tooFast(
  memory: ConnectionMemory,
  socket: Socket,
  words: readonly ClientWord[],
  afterMs: number,
  turn: Turn,
): void {
  socket.fastFrames++;
  if (socket.fastFrames > memory.limits.too_fast_frames_max) {
    close(memory, socket, 'too_fast', turn);
    return;
  }
  const answers = words.map((word) => refused('too_fast', named(word), { afterMs }));
  push(socket, answers.length > 0 ? answers : [refused('too_fast', {}, { afterMs })], turn);
}

/** By what an answer can name this word. */
function named(word: ClientWord): { readonly id?: string; readonly req?: number } {
  if ('id' in word && word.kind !== 'inquire') return { id: word.id };
  return 'req' in word ? { req: word.req } : {};
}
