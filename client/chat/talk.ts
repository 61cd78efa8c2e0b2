import { isGroupId } from '../../proto/decode.ts';
import { failures } from '../../proto/refusals.ts';
import {
  type AmendedEvent,
  type ConversationId,
  clientLimits,
  type GroupEvent,
  type GroupId,
  type MessageEvent,
  type MessageState,
  type Presence,
  type VanishedEvent,
} from '../../proto/words.ts';
import type { ClientEvent, RingpostClient, SendOptions, StateNews } from '../index.ts';
import { sdkLimits } from '../limits.ts';
import { contentWords, mentionsIn } from './content.ts';
import { Ledger, type OwnMessage, ownFrom } from './ledger.ts';
import { chatLimits } from './limits.ts';
import { amendmentWords, vanishingWords, worded } from './message-commands.ts';
import { declineWords, happening, Rooms } from './rooms.ts';
import type { Screen } from './screen.ts';
import { moment } from './text.ts';

/** One person's chat: with whom it is, what was shown, and what every event and every typed line means on the screen. */
export class Talk {
  readonly client: RingpostClient;
  readonly screen: Screen;
  readonly ledger = new Ledger();
  readonly rooms = new Rooms();
  /** Resolves when the names of all groups are known, or can't be. */
  groupsKnown: Promise<void> = Promise.resolve();
  partner: ConversationId | undefined;
  /** Messages up to this number were there before this device was: they are history, not news. */
  readonly #newsAfter: number;
  readonly #shown = new Set<string>();
  /** Everybody who was written to or heard of in this chat; presence is asked of the last `watch_users_max` of them. */
  readonly #met = new Set<string>();
  readonly #presence = new Map<string, Presence>();
  /** The newest message of somebody else in each conversation, of those shown. */
  readonly #theirs = new Map<ConversationId, MessageEvent>();
  readonly #files = new Map<ConversationId, MessageEvent>();
  readonly #typing = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #unread = new Map<string, number>();
  #typingIdle: ReturnType<typeof setTimeout> | undefined;
  #trouble = '';
  /** The server has refused for now, and has accepted nothing since. */
  #busy = false;

  constructor(client: RingpostClient, screen: Screen, newsAfter: number) {
    this.client = client;
    this.screen = screen;
    this.#newsAfter = newsAfter;
  }

  /** Users to complete a name from. */
  get met(): readonly string[] {
    return [...this.#met];
  }

  get unread(): ReadonlyMap<string, number> {
    return this.#unread;
  }

  /** The newest message of somebody else in the open conversation. */
  get lastTheirs(): MessageEvent | undefined {
    return this.partner === undefined ? undefined : this.#theirs.get(this.partner);
  }

  /** The newest one of somebody else there that has a file. */
  get lastFile(): MessageEvent | undefined {
    return this.partner === undefined ? undefined : this.#files.get(this.partner);
  }

  presenceOf(user: string): string {
    const presence = this.#presence.get(user);
    if (presence === undefined) return '';
    if (presence.online) return 'online';
    return presence.lastSeen === 0 ? 'not seen yet' : `last seen ${moment(presence.lastSeen, Date.now())}`;
  }

  // ---------------------------------------------------------------- what the person does

  /** Opens the conversation with somebody, with its last messages. Rejects with the errors of `history`. */
  async turnTo(conversation: ConversationId): Promise<void> {
    this.partner = conversation;
    if (!isGroupId(conversation)) this.#meet(conversation);
    this.#showStatus();
    this.screen.heading(`You are writing to ${this.rooms.nameOf(conversation)}`);
    if (this.screen.context) await this.history(conversation, chatLimits.context_messages);
    this.#unread.delete(conversation);
  }

  /** Nothing is open any more. */
  left(): void {
    this.partner = undefined;
    this.#showStatus();
  }

  /** Learns of the groups that this user is in. Rejects with the errors of `groups.list`. */
  async meetGroups(): Promise<void> {
    let after = '';
    do {
      const page = await this.client.groups.list({ after });
      for (const { group, title } of page.list) this.rooms.learn(group, title);
      after = page.next;
    } while (after !== '');
  }

  /** Learns how a group is called. Rejects with the errors of `groups.members`. */
  async meetGroup(group: GroupId): Promise<void> {
    const { title } = await this.client.groups.members(group, { limit: 1 });
    this.rooms.learn(group, title);
    this.#showStatus();
  }

  /** Sends to the partner. Throws the errors of `send`. */
  say(
    body: string,
    { more, file }: Pick<SendOptions, 'more' | 'file'> = {},
    to: ConversationId | undefined = this.partner,
  ): void {
    if (to === undefined) {
      this.screen.alert('Nobody would hear that yet: whom do you want to write to? (/to NAME)');
      return;
    }
    const mentions = mentionsIn(body, to);
    const { id, word } = this.client.send(to, body, { more: mentions.length > 0 ? { ...more, mentions } : more, file });
    this.#own(id, to, contentWords(word));
  }

  /** Shows a message that is not answered yet. */
  #own(id: string, to: ConversationId, body: string): void {
    const whom = this.rooms.nameOf(to);
    this.screen.own(this.ledger.add({ id, to, whom, body, at: Date.now(), seq: 0, tick: 'waiting', why: '' }));
  }

  /** Shows the last messages with somebody, who learns that they were read. Answers how many there were. */
  async history(conversation: ConversationId, count: number): Promise<number> {
    const pages: MessageState[] = [];
    let before = 0;
    do {
      const limit = Math.min(count - pages.length, clientLimits.page_messages_max);
      const page = await this.client.history(conversation, { before, limit });
      for (const message of page.messages) {
        const own = { ...message, body: worded(message) };
        if (message.from === this.client.user)
          this.ledger.add(ownFrom(own, this.rooms.nameOf(message.to), whyOf(message.failed)));
        pages.push(message);
      }
      before = page.next;
    } while (before > 0 && pages.length < count);
    for (const message of pages.reverse()) this.#show(message, worded(message));
    return pages.length;
  }

  /** The line that is being typed has changed. */
  typed(line: string): void {
    clearTimeout(this.#typingIdle);
    if (this.partner === undefined) return;
    const on = line !== '' && !line.startsWith('/');
    this.client.typing(this.partner, on);
    if (on) this.#typingIdle = setTimeout(() => this.typed(''), chatLimits.typing_idle_ms);
  }

  /** Messages that a chat before this one could not send. */
  leftOver(): void {
    for (const { id, word } of this.client.unsent()) {
      if (word.kind !== 'send') continue;
      this.#own(id, word.to, contentWords(word));
    }
  }

  // ---------------------------------------------------------------- what happens

  hear(event: ClientEvent): void {
    switch (event.kind) {
      case 'message':
        this.#message(event);
        break;
      case 'accepted':
        this.#busy = false;
        this.#ticked(this.ledger.accepted(event.id, event.seq));
        break;
      case 'receipt':
        this.screen.ticked(this.ledger.receipt(event.with, event.delivered, event.read));
        break;
      case 'failed':
        if (event.member === undefined) this.#ticked(this.ledger.failed(event.id, whyOf(event.code)));
        else this.screen.note(`${event.member} has not fetched a message in ${this.rooms.nameOf(event.to)} in time.`);
        break;
      case 'group':
        this.#happened(event);
        break;
      case 'declined':
        this.screen.note(
          `${event.user} can't be added to ${this.rooms.nameOf(event.with)}: ${declineWords[event.code]}.`,
        );
        break;
      case 'amended':
        if (event.n > this.#newsAfter) this.#amended(event);
        break;
      case 'vanishing':
        if (event.n > this.#newsAfter) this.screen.note(vanishingWords(event.by, event.timer));
        break;
      case 'vanished':
        if (event.n > this.#newsAfter) this.screen.note(this.#vanished(event));
        break;
      case 'gone':
        if (event.n > this.#newsAfter) this.screen.note(`${event.user} has left: the account was deactivated.`);
        break;
      case 'refused':
        this.#refused(event);
        break;
      case 'presence':
        this.#presence.set(event.user, event);
        this.#showStatus();
        break;
      case 'typing':
        this.#setTyping(event.in ?? event.from, event.on);
        break;
      case 'state':
        this.#stateChanged(event);
        break;
      case 'expired':
        this.screen.note(`A message from ${event.from} waited too long for you and is gone.`);
        break;
      case 'reset':
        this.screen.note('The server begins its log anew; what was here before may be missing.');
        break;
      case 'trouble':
        this.screen.alert(event.error.reason);
        break;
    }
    if ('n' in event && event.kind !== 'accepted' && event.n === this.#newsAfter) this.#sumUp();
  }

  /** All that happened before this device was here has come. */
  #sumUp(): void {
    const others = [...this.#unread]
      .filter(([user]) => user !== this.partner)
      .map(([user, count]) => `${this.rooms.nameOf(user)} (${count})`);
    if (others.length > 0) this.screen.note(`Earlier messages: ${others.join(', ')}. /to NAME shows them.`);
    this.#unread.clear();
  }

  #happened(event: GroupEvent & { readonly n: number }): void {
    const { with: group } = event;
    const name = this.rooms.nameOf(group);
    this.rooms.take(event, this.client.user);
    if (event.n <= this.#newsAfter) return;
    if (!this.rooms.isKnown(group) && this.partner === group) this.partner = undefined;
    const words = this.rooms.isKnown(group) ? this.rooms.nameOf(group) : name;
    this.screen.note(`${words}: ${happening(event)}`);
    this.#showStatus();
  }

  #amended(event: AmendedEvent): void {
    const { with: other, of, deed } = event;
    const theirs = this.#theirs.get(other);
    if (deed.what === 'edit' && theirs?.from === of.from && theirs.seq === of.seq) {
      this.#theirs.set(other, { ...theirs, body: deed.body });
    }
    const room = isGroupId(event.with) ? `${this.rooms.nameOf(event.with)}: ` : '';
    this.screen.note(`${room}${amendmentWords(event)}`);
  }

  #vanished({ with: other, list }: VanishedEvent): string {
    const what = list.length === 1 ? 'a message has vanished' : `${list.length} messages have vanished`;
    return `${this.rooms.nameOf(other)}: ${what}`;
  }

  #message(event: MessageEvent & { readonly n: number }): void {
    const words = contentWords(event);
    const own = event.from === this.client.user;
    const other = this.#conversationOf(event);
    if (event.n <= this.#newsAfter) {
      if (!own) this.#unread.set(other, (this.#unread.get(other) ?? 0) + 1);
      return;
    }
    if (!own) {
      this.#setTyping(other, false);
      this.partner ??= other;
    }
    if (!isGroupId(other)) this.#meet(other);
    if (own) {
      const { id, to, at, seq } = event;
      this.ledger.add({ id, to, whom: this.rooms.nameOf(to), body: words, at, seq, tick: 'sent', why: '' });
    }
    if (!this.#shown.has(keyOf(event))) this.#show(event, words);
    this.#showStatus();
  }

  #conversationOf({ from, to }: MessageEvent): ConversationId {
    return from === this.client.user || isGroupId(to) ? to : from;
  }

  /** What is shown of the open conversation counts as read. */
  #show(message: MessageEvent, words: string): void {
    const key = keyOf(message);
    this.#shown.delete(key);
    this.#shown.add(key);
    if (this.#shown.size > chatLimits.shown_messages_max) {
      const [oldest] = this.#shown;
      if (oldest !== undefined) this.#shown.delete(oldest);
    }
    const own = message.from === this.client.user ? this.ledger.get(message.id) : undefined;
    if (own !== undefined) {
      this.screen.own(own);
      return;
    }
    const { from, at, seq, more } = message;
    const body = more?.mentions?.includes(this.client.user) ? `[for you] ${words}` : words;
    const conversation = this.#conversationOf(message);
    const here = conversation === this.partner;
    this.#theirs.set(conversation, message);
    if (message.more?.file !== undefined) this.#files.set(conversation, message);
    const room = isGroupId(conversation) ? { room: this.rooms.nameOf(conversation) } : {};
    this.screen.theirs({ from, at, body, ...room }, here);
    if (here) this.client.read(conversation, seq);
    else this.#unread.set(conversation, (this.#unread.get(conversation) ?? 0) + 1);
  }

  #ticked(message: OwnMessage | undefined): void {
    if (message !== undefined) this.screen.ticked([message]);
  }

  #refused({ id, reason, retry, afterMs = 0 }: Extract<ClientEvent, { kind: 'refused' }>): void {
    if (retry && afterMs <= sdkLimits.refused_wait_ms_max) {
      if (!this.#busy) this.screen.note(`The server is busy, and gets it again in a moment: ${reason}`);
      this.#busy = true;
    } else if (id !== undefined) this.#ticked(this.ledger.failed(id, reason));
    else this.screen.alert(reason);
  }

  #setTyping(user: string, on: boolean): void {
    clearTimeout(this.#typing.get(user));
    this.#typing.delete(user);
    if (on) {
      const forget = setTimeout(() => this.#setTyping(user, false), clientLimits.typing_ms);
      this.#typing.set(user, forget);
    }
    this.#showStatus();
  }

  #stateChanged({ state, error, url }: StateNews): void {
    if (state === 'online') {
      if (this.#trouble !== '') this.screen.note(`Connected again, to ${url}.`);
      this.#trouble = '';
    } else if (state === 'waiting') {
      if (this.#trouble === '') this.screen.note(`The connection is lost: ${error?.reason ?? ''} Trying again …`);
      this.#trouble = 'no connection';
    }
    this.#showStatus();
  }

  /** Lets go of what would keep the process alive. */
  close(): void {
    clearTimeout(this.#typingIdle);
    for (const timer of this.#typing.values()) clearTimeout(timer);
    this.#typing.clear();
  }

  #meet(user: string): void {
    if (this.#met.has(user) && this.#met.size <= clientLimits.watch_users_max) return;
    this.#met.delete(user);
    this.#met.add(user);
    this.client.watch([...this.#met].slice(-clientLimits.watch_users_max));
  }

  #showStatus(): void {
    const { partner } = this;
    this.screen.status({
      partner: partner === undefined ? undefined : this.rooms.nameOf(partner),
      typing: partner !== undefined && this.#typing.has(partner),
      presence: partner === undefined ? '' : this.presenceOf(partner),
      trouble: this.#trouble,
    });
  }
}

/** The server's codes, as the end of "not delivered to bob (…)". */
function whyOf(code: keyof typeof failures | ''): string {
  return code === '' ? '' : failures[code];
}

function keyOf({ from, to, seq }: MessageEvent): string {
  return `${from}/${to}/${seq}`;
}
