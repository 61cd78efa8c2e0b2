/**
 * The user actor: one account with its devices, its timeline of everything that happened to it, and its side of every conversation.
 * The route of a message: `send` here at the sender, `message` at the recipient, `received` and `read` from the recipient's devices,
 * `receipt` back at the sender.
 */
import type { Claims, UserProtocol } from '../proto/mail.ts';
import { byThePerson, type ClientWord, clientLimits, type Hello } from '../proto/words.ts';
import { type AnyBehaviour, behaviour, type MailOf, type Turn } from '../runtime/index.ts';
import { beforeEach } from './before-each.ts';
import { isGroup, User } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';
import {
  answering,
  changePassword,
  credentials,
  deactivate,
  listDevices,
  openSession,
  refresh,
  register,
  revoke,
} from './user/accounts.ts';
import { admitted, end, endWith, objectionTo, say } from './user/admission.ts';
import { reactions, takeAmended } from './user/amending.ts';
import { askProfiles, candidates, find, profileAsked, profilesDue, profileTold } from './user/asking.ts';
import { addBot, dropBot, listBots, registerBot, retire, retireBot } from './user/bots.ts';
import { clear, isFor, takeGone } from './user/ending.ts';
import { expire, tidy } from './user/expiry.ts';
import { exportPage } from './user/exporting.ts';
import { fileQuestions } from './user/files.ts';
import { pinned, starred } from './user/finding.ts';
import {
  askGroup,
  invited,
  listGroups,
  takeDeclined,
  takeDenial,
  takeDone,
  takeEntry,
  takeGroupReceipt,
  takeGroupTyping,
  takeLapsed,
  typingInGroup,
} from './user/groups.ts';
import { hookBatch, hookDue, hookFailed, hookTook, setHook, tellHook } from './user/hook.ts';
import { type Attached, detach, devicesOf, type UserMemory, wakeUser } from './user/memory.ts';
import { active, passPresence, passTyping, quiet, typing, watch, watched } from './user/presence.ts';
import { pushAgain, pushDue, pushLapsed, subscribe } from './user/pushes.ts';
import { read, received, takeReceipt, tellReceipts } from './user/receipts.ts';
import { search } from './user/searching.ts';
import { release } from './user/self.ts';
import { carryOut, takeFailure, takeMessage } from './user/sending.ts';
import { history, inquire, pull } from './user/timeline.ts';
import { tracing } from './user/tracing.ts';
import { fade, takeVanished, takeVanishing, wane } from './user/vanishing.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

export function userBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<UserProtocol, UserMemory>(User, {
    wake: (turn, spoilt) => wakeUser(turn, spoilt, limits),
    mayRest: (user) => user.attached.size === 0,
    turns: beforeEach<UserProtocol, UserMemory>(before, {
      register: answering<'register'>(register),
      credentials: answering<'credentials'>(credentials),
      openSession: answering<'openSession'>(openSession),
      refresh: answering<'refresh'>(refresh),
      devices: answering<'devices'>(listDevices),
      revoke: answering<'revoke'>(revoke),
      password: answering<'password'>(changePassword),
      deactivate: answering<'deactivate'>(deactivate),
      export: answering<'export'>(exportPage),
      registerBot: answering<'registerBot'>(registerBot),
      addBot: answering<'addBot'>(addBot),
      dropBot: answering<'dropBot'>(dropBot),
      retireBot: answering<'retireBot'>(retireBot),
      bots: answering<'bots'>(listBots),
      subscribe: answering<'subscribe'>(subscribe),
      pushLapsed: answering<'pushLapsed'>(pushLapsed),
      setHook: answering<'setHook'>(setHook),
      hook: answering<'hook'>(tellHook),
      hookBatch: (user, _, turn) => turn.reply(hookBatch(user, turn)),
      hookTook: (user, mail, turn) => turn.reply(hookTook(user, mail, turn)),
      hookFailed,
      ...tracing,
      hookDue,
      pushDue,
      pushAgain,
      retire,
      aside,
      ...fileQuestions,
      attach,
      detach: (user, { connection }) => detach(user, connection),
      words,
      pull,
      message: takeMessage,
      amended: takeAmended,
      vanishing: takeVanishing,
      vanished: takeVanished,
      receipt: takeReceipt,
      failed: takeFailure,
      entry: takeEntry,
      invited,
      done: takeDone,
      denied: takeDenial,
      declined: takeDeclined,
      lapsed: takeLapsed,
      groupReceipt: takeGroupReceipt,
      groupTyping: takeGroupTyping,
      typing: passTyping,
      watched,
      presence: passPresence,
      profileAsked,
      profileTold,
      candidates,
      profilesDue,
      gone: takeGone,
      expire,
      clear,
      fade,
      wane,
      tidy,
      release,
      quiet,
    }),
  });
}

/** The turn before this one succeeded, so those that it took off were told. */
function before(user: UserMemory, mail: MailOf<UserProtocol>): boolean {
  if (user.detached.size > 0) user.detached.clear();
  return isFor(user, mail);
}

/** A connection brings its device's hello. One socket a device: an older one of the same device gives way. */
function attach(user: UserMemory, { connection, claims, hello }: Mail<'attach'>, turn: Turn): void {
  const to = { address: connection };
  const objection = objectionTo(user, turn, claims.device, claims.session);
  if (objection !== undefined) {
    detach(user, connection);
    // A session may end for good by this word.
    turn.confirm();
    endWith(turn, to, objection);
    return;
  }
  const { run = '', dial = 0 } = hello;
  const others = [...user.attached].filter(
    ([other, { device, aside }]) => device === claims.device && other !== connection && !aside,
  );
  // The hello of a socket that the client gave up long ago, held up somewhere on the way.
  if (others.some(([, other]) => other.run === run && other.dial > dial)) {
    end(turn, to, 'replaced');
    return;
  }
  for (const [other, { to: older }] of others) {
    detach(user, other);
    end(turn, older, 'replaced');
  }
  const attached: Attached = {
    to,
    device: claims.device,
    session: claims.session,
    run,
    dial,
    activeAt: turn.now,
    words: 0,
  };
  user.attached.set(connection, attached);
  turn.count('words', 'hello');
  active(user, turn, attached);
  sawDevice(user, turn, claims);
  greet(user, turn, attached, hello);
}

/** A word that came over HTTP: its desk stands for a connection until it has its answer. */
function aside(user: UserMemory, { desk, claims, word }: Mail<'aside'>, turn: Turn): void {
  const { device, session } = claims;
  const objection = objectionTo(user, turn, device, session);
  if (objection !== undefined) {
    turn.confirm();
    endWith(turn, { address: desk }, objection);
    return;
  }
  const attached: Attached = {
    ...{ to: { address: desk }, device, session, run: '', dial: 0, activeAt: turn.now, words: 0 },
    aside: true,
  };
  user.attached.set(desk, attached);
  if (byThePerson[word.kind]) active(user, turn, attached);
  take(user, word, desk, attached, turn);
  tellReceipts(user, turn);
}

function greet(user: UserMemory, turn: Turn, { to, device }: Attached, hello: Hello): void {
  const epoch = user.account?.epoch ?? '';
  const recovered = hello.epoch === epoch && hello.cursor <= user.head;
  // A device that is told so forgets its place: not by an owner that only knows what was.
  if (!recovered && hello.epoch !== '') turn.confirm();
  const cursor = recovered ? hello.cursor : 0;
  // What the device holds it has received, whether or not the word that said so arrived.
  received(user, turn, device, cursor);
  tellReceipts(user, turn);
  const { self, head } = user;
  const { window_events_max, window_bytes_max, online_ms } = user.limits;
  const limits = { ...clientLimits, window_events_max, window_bytes_max, online_ms };
  const words = { user: self, device, epoch, cursor, head, recovered, at: turn.now, limits };
  turn.whisper(to, { kind: 'greet', welcome: { kind: 'welcome', ...words } });
}

function sawDevice(user: UserMemory, turn: Turn, { device }: Claims): void {
  const devices = devicesOf(user, turn);
  const row = devices.get(device);
  if (row === undefined || turn.now - row.seen < user.limits.device_seen_write_ms) return;
  const seen = { ...row, seen: turn.now };
  devices.set(device, seen);
  turn.put('device', device, seen);
}

/** The words of one frame of a device, passed on by its connection. */
function words(user: UserMemory, { connection, words, number }: Mail<'words'>, turn: Turn): void {
  const attached = user.attached.get(connection);
  // Its hello was lost, or forgotten, or words before these were lost, which they must not overtake: hello is asked for again.
  if (attached === undefined || number > attached.words + 1) {
    detach(user, connection);
    say(turn, { address: connection }, { kind: 'resync' });
    return;
  }
  attached.words = number;
  if (!admitted(user, turn, connection, attached)) return;
  for (const word of words) {
    if (byThePerson[word.kind]) active(user, turn, attached);
    take(user, word, connection, attached, turn);
  }
  tellReceipts(user, turn);
}

function take(user: UserMemory, word: ClientWord, connection: string, attached: Attached, turn: Turn): void {
  turn.count('words', word.kind);
  switch (word.kind) {
    case 'send':
    case 'amend':
    case 'vanish':
    case 'group':
    case 'self':
      carryOut(user, turn, word, connection, attached);
      break;
    case 'received':
      received(user, turn, attached.device, word.upTo);
      break;
    case 'read':
      read(user, turn, word);
      break;
    case 'history':
      if (isGroup(word.with)) askGroup(user, turn, word, connection, attached);
      else history(user, turn, word, attached);
      break;
    case 'groups':
      listGroups(user, turn, word, attached);
      break;
    case 'roster':
    case 'reach':
      askGroup(user, turn, word, connection, attached);
      break;
    case 'find':
      find(user, turn, word, connection, attached);
      break;
    case 'profiles':
      askProfiles(user, turn, word, connection, attached);
      break;
    case 'starred':
      starred(user, turn, word, attached);
      break;
    case 'pinned':
      if (isGroup(word.with)) askGroup(user, turn, word, connection, attached);
      else pinned(user, turn, word, attached);
      break;
    case 'reactions':
      if (isGroup(word.with)) askGroup(user, turn, word, connection, attached);
      else reactions(user, turn, word, attached);
      break;
    case 'search':
      search(user, turn, word, attached);
      break;
    case 'inquire':
      inquire(user, turn, word, attached);
      break;
    case 'typing':
      if (isGroup(word.to)) typingInGroup(user, turn, word);
      else typing(user, turn, word);
      break;
    case 'watch':
      watch(user, turn, word);
      break;
    case 'hello':
    // Hellos come by `attach`.
  }
}
