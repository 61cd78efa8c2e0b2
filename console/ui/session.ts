/** One sitting at the console: the link, the keys, and the state between them. */

import type { VerifiedWords } from '../words.ts';
import { type Effect, type Key, press } from './keys.ts';
import { Link, type Wire, wordsOf } from './link.ts';
import {
  firstState,
  type Happening,
  logged,
  type Query,
  type State,
  screenOf,
  withAnswer,
  withCluster,
  withLetters,
  withMail,
  withNews,
  withoutAddress,
} from './model.ts';

/** Between two counts of the dead letters, and two looks for the screen that is seen; ms. */
const count_every_ms = 5_000;
const look_every_ms = 3_000;
const letters_counted_max = 200;
/** Of the mail, for the screen: each node takes only so many a second anyhow. */
const mail_share = 0.25;
/** The server itself gives up after ten minutes. */
const verify_wait_ms = 620_000;

/** What is answered before it has ended. */
const begunMethods: ReadonlySet<Query['method']> = new Set(['DrainNode', 'MovePartition', 'Rebalance']);

export class Session {
  readonly #link: Link;
  readonly #onQuit: () => void;
  readonly #listeners = new Set<() => void>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #underWay = new Set<Query>();
  #state: State;
  #counting = false;
  /** Ends the samples of mail that come. */
  #mail: AbortController | undefined;

  constructor(addresses: readonly string[], dial: (address: string) => Wire, onQuit: () => void) {
    this.#state = firstState(addresses);
    this.#onQuit = onQuit;
    this.#link = new Link(addresses, dial, {
      answered: (cluster, address) => {
        const isFirst = this.#state.cluster === undefined;
        this.#set(withCluster(this.#state, cluster, address, Date.now()));
        if (isFirst) void this.#count();
      },
      told: (news) => this.#set(withNews(this.#state, news, Date.now())),
      failed: (address, words) => this.#set(withoutAddress(this.#state, address, words, Date.now())),
    });
  }

  get state(): State {
    return this.#state;
  }

  /** Answers with what ends it. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  start(): void {
    void this.#link.run();
    this.#timers.push(
      setInterval(() => void this.#count(), count_every_ms),
      setInterval(() => this.#look(), look_every_ms),
    );
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#mail?.abort();
    this.#link.close();
  }

  press(key: Key): void {
    const { state, effects } = press(this.#state, key);
    this.#set(state);
    for (const effect of effects) this.#carryOut(effect);
  }

  #set(state: State): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
    this.#tune();
  }

  /** Nodes sample mail only while its screen is seen. */
  #tune(): void {
    const isSeen = screenOf(this.#state).kind === 'mail' && this.#state.address !== undefined;
    if (isSeen === (this.#mail !== undefined)) return;
    this.#mail?.abort();
    this.#mail = isSeen ? new AbortController() : undefined;
    if (this.#mail !== undefined) void this.#listen(this.#mail.signal);
  }

  async #listen(givenUp: AbortSignal): Promise<void> {
    this.#set(withMail(this.#state, undefined));
    try {
      for await (const news of this.#link.stream('WatchMail', { kind: '', share: mail_share }, givenUp))
        if (!givenUp.aborted) this.#set(withMail(this.#state, news));
    } catch (error) {
      if (!givenUp.aborted) this.#set(withMail(this.#state, wordsOf(error)));
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'quit':
        this.#onQuit();
        break;
      case 'ask':
        void this.#ask(effect.query);
        break;
      case 'carryOut':
        void this.#change(effect.what, effect.query);
    }
  }

  /** For the screen that is seen; what it shows stays where the answer fails. */
  #look(): void {
    const screen = screenOf(this.#state);
    if (this.#state.address === undefined || !('query' in screen)) return;
    // A message's trace and an actor's rows are looked at again with `r`: they may be long, and cost turns.
    if (screen.kind === 'trace' || screen.kind === 'rows') return;
    void this.#ask(screen.query as Query);
  }

  async #ask(query: Query): Promise<void> {
    if (this.#underWay.has(query)) return;
    this.#underWay.add(query);
    try {
      const value = await this.#reply(query);
      this.#set(withAnswer(this.#state, query, { kind: 'here', value }));
    } catch (error) {
      this.#set(withAnswer(this.#state, query, { kind: 'failed', words: wordsOf(error) }));
    } finally {
      this.#underWay.delete(query);
    }
  }

  /** The newest entries of the audit log are found from its end, which an empty page tells. */
  async #reply(query: Query): Promise<unknown> {
    if (query.method !== 'ListAudit') return this.#link.call(query.method, query.request);
    const { limit } = query.request;
    let { after } = query.request;
    if (after < 0) {
      const { head } = await this.#link.call('ListAudit', { after: 0, limit: 1 });
      after = Math.max(0, head - limit);
    }
    const page = await this.#link.call('ListAudit', { after, limit });
    // Where the oldest ones were dropped, those after them come in their place.
    return { ...page, entries: page.entries.filter(({ number }) => number <= after + limit).reverse() };
  }

  async #change(what: string, query: Query): Promise<void> {
    let told = { words: `${what}: done`, isBad: false };
    try {
      if (query.method === 'VerifyPartition') {
        told = verdict(what, await this.#link.call(query.method, query.request, verify_wait_ms));
      } else {
        const { audit } = (await this.#link.call(query.method, query.request)) as { readonly audit: number };
        const begun = begunMethods.has(query.method) ? 'begun' : 'done';
        told = { words: `${what}: ${begun} (entry ${audit} of the audit log)`, isBad: false };
      }
    } catch (error) {
      told = { words: `${what}: ${wordsOf(error)}`, isBad: true };
    }
    this.#set(logged({ ...this.#state, notice: told }, [told], Date.now()));
    this.#look();
  }

  async #count(): Promise<void> {
    if (this.#counting || this.#state.address === undefined) return;
    this.#counting = true;
    const beganMs = performance.now();
    try {
      const { letters, next } = await this.#link.call('ListDeadLetters', { limit: letters_counted_max, page: '' });
      const counted = { count: letters.length, more: next !== '' };
      this.#set(withLetters(this.#state, counted, performance.now() - beganMs, Date.now()));
      const { head, base, entriesMax } = await this.#link.call('ListAudit', { after: 0, limit: 1 });
      this.#set({ ...this.#state, audit: { entries: head - base, entriesMax } });
    } catch {
      // Counted again soon; that a node does not answer is seen by the watch.
    } finally {
      this.#counting = false;
    }
  }
}

function verdict(what: string, verified: VerifiedWords): Happening {
  const { sound, number, records, rows, broken, why, missing, extra, different } = verified;
  if (sound)
    return {
      words: `${what}: sound up to record ${number}: ${records} replayed, ${rows} rows compared`,
      isBad: false,
    };
  const differ = `differs: ${missing} rows missing, ${extra} extra, ${different} different`;
  return { words: `${what}: ${broken === '' ? differ : `${broken} damaged: ${why}`}`, isBad: true };
}
