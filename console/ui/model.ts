/** What the console shows and knows: plain values, changed by pure functions only. */
import { happenings } from '../happenings.ts';
import type {
  ClusterWords,
  EventNewsWords,
  EventWords,
  MailNewsWords,
  MailSampleWords,
  MethodName,
  Reply,
  Request,
} from '../words.ts';
import type { AuditFill, Letters } from './alarms.ts';

import { type History, noHistory, recorded } from './history.ts';

const events_max = 500;

/** What has happened, in words; without a kind where the console itself tells. */
export type Happening = Pick<EventWords, 'words' | 'isBad'> & Partial<Pick<EventWords, 'kind'>>;

/** What was asked for, for a screen. */
export type Answer<T> =
  | { readonly kind: 'asking' }
  | { readonly kind: 'here'; readonly value: T }
  | { readonly kind: 'failed'; readonly words: string };

/** A call whose answer a screen shows; `secs` between two looks, 0 for one look only. */
export type Query = { readonly [M in MethodName]: { readonly method: M; readonly request: Request<M> } }[MethodName];

interface Asks<M extends MethodName> {
  readonly query: { readonly method: M; readonly request: Request<M> };
  readonly answer: Answer<Reply<M>>;
}

interface Place {
  /** The row that is chosen. */
  readonly at: number;
}

export type Screen = Place &
  (
    | { readonly kind: 'overview' | 'partitions' | 'alarms' | 'events' | 'mail' | 'help' }
    | { readonly kind: 'node'; readonly name: string }
    | ({ readonly kind: 'partition'; readonly id: number } & Asks<'GetPartition'>)
    | ({ readonly kind: 'actors' } & Asks<'ListActors'>)
    | ({ readonly kind: 'actor' } & Asks<'GetActor'>)
    | ({ readonly kind: 'rows' } & Asks<'ListRows'>)
    | ({ readonly kind: 'letters' } & Asks<'ListDeadLetters'>)
    | ({ readonly kind: 'letter' } & Asks<'GetDeadLetter'>)
    | ({ readonly kind: 'trace' } & Asks<'TraceMessage'>)
    | ({ readonly kind: 'audit' } & Asks<'ListAudit'>)
  );

export type AskingScreen = Extract<Screen, { query: unknown }>;

export interface Field {
  readonly label: string;
  readonly value: string;
  /** What has to be typed, letter by letter; undefined for any text. */
  readonly must?: string;
  readonly mayBeEmpty?: true;
}

/** What a prompt is for, carried out with the values of its fields. */
export type Intent =
  | { readonly kind: 'actor' | 'trace' }
  | { readonly kind: 'move'; readonly partition: number }
  | { readonly kind: 'deed'; readonly what: string; readonly query: Query };

export interface Prompt {
  readonly title: string;
  readonly fields: readonly Field[];
  /** The field that is being typed. */
  readonly field: number;
  readonly intent: Intent;
}

export interface LoggedEvent extends Happening {
  /** By this machine's clock, ms. */
  readonly at: number;
}

/** Samples of mail, while its screen is seen. */
export interface Mail {
  /** Newest first. */
  readonly mails: readonly MailSampleWords[];
  readonly missed: number;
  readonly redacted: boolean;
  /** Why there is nothing to see, if so. */
  readonly trouble: string;
}

const noMail: Mail = { mails: [], missed: 0, redacted: false, trouble: '' };
const mails_max = 300;

export interface State {
  readonly addresses: readonly string[];
  readonly cluster: ClusterWords | undefined;
  /** When the last answer came, by this machine's clock; ms. */
  readonly heardAt: number;
  /** The address that answers; undefined while none does. */
  readonly address: string | undefined;
  /** Why the last address failed. */
  readonly trouble: string;
  readonly history: History;
  /** Oldest first. */
  readonly events: readonly LoggedEvent[];
  /** The node that answers tells what happens; otherwise it is read from its answers. */
  readonly isTold: boolean;
  readonly mail: Mail;
  readonly letters: Letters | undefined;
  readonly audit: AuditFill | undefined;
  /** How long the cluster took to look for dead letters in all partitions, ms; newest last. */
  readonly answerTimes: readonly number[];
  /** The last one is seen, Esc goes to the one before. */
  readonly stack: readonly Screen[];
  readonly prompt: Prompt | undefined;
  readonly notice: Happening | undefined;
}

export function firstState(addresses: readonly string[]): State {
  return {
    addresses,
    cluster: undefined,
    heardAt: 0,
    address: undefined,
    trouble: '',
    history: noHistory,
    events: [],
    isTold: false,
    mail: noMail,
    letters: undefined,
    audit: undefined,
    answerTimes: [],
    stack: [{ kind: 'overview', at: 0 }],
    prompt: undefined,
    notice: undefined,
  };
}

export function screenOf({ stack }: State): Screen {
  return stack.at(-1) ?? { kind: 'overview', at: 0 };
}

/** A look at the cluster has come. `nowMs`: this machine's clock. */
export function withCluster(state: State, cluster: ClusterWords, address: string, nowMs: number): State {
  const told: Happening[] = [];
  const { cluster: before } = state;
  if (before === undefined) told.push({ words: `connected to ${cluster.answeredBy} at ${address}`, isBad: false });
  else {
    if (state.address !== address)
      told.push({ words: `${cluster.answeredBy} at ${address} answers now`, isBad: false });
    // What was between the last answer and this one, nobody has told.
    if (!state.isTold || state.address !== address) told.push(...happenings(before, cluster));
  }
  const history = recorded(state.history, before, cluster);
  return logged({ ...state, cluster, address, heardAt: nowMs, history }, told, nowMs);
}

/** An address has failed; the next one is being asked. */
export function withoutAddress(state: State, address: string, words: string, nowMs: number): State {
  const trouble = `${address}: ${words}`;
  if (state.address !== address) return { ...state, trouble };
  const name = state.cluster?.answeredBy ?? '';
  const event = { words: `${name} at ${address} does not answer any more (${words})`, isBad: true };
  return logged({ ...state, address: undefined, isTold: false, trouble }, [event], nowMs);
}

/** The node has told what happened; `undefined`: it does not tell. */
export function withNews(state: State, news: EventNewsWords | undefined, nowMs: number): State {
  if (news === undefined) return { ...state, isTold: false };
  const { events, missed } = news;
  const left = missed === 0 ? [] : [{ words: `${missed} events were left out: there were too many`, isBad: true }];
  return logged({ ...state, isTold: true }, [...left, ...events.filter(isNoteworthy)], nowMs);
}

/** Dead letters are counted by the console itself; and every change is there twice, as begun and as done. */
function isNoteworthy({ kind, why }: EventWords): boolean {
  return kind !== 'DEAD_LETTER' && !(kind === 'CHANGE' && why === 'begun');
}

/** `news`: undefined when the screen is opened; words where there is nothing to see. */
export function withMail(state: State, news: MailNewsWords | string | undefined): State {
  if (news === undefined) return { ...state, mail: noMail };
  if (typeof news === 'string') return { ...state, mail: { ...state.mail, trouble: news } };
  const { mails, missed, redacted, silent } = news;
  const trouble = silent.length === 0 ? '' : `${silent.join(', ')} does not tell of its mail`;
  const all = [...[...mails].reverse(), ...state.mail.mails].slice(0, mails_max);
  return { ...state, mail: { mails: all, missed: state.mail.missed + missed, redacted, trouble } };
}

const answer_times_max = 600;

/** The dead letters were counted; it took `tookMs`. */
export function withLetters(state: State, letters: Letters, tookMs: number, nowMs: number): State {
  const known = state.letters?.count ?? 0;
  const more = letters.count - known;
  const told = more > 0 ? [{ words: `dead letters: ${letters.count}, ${more} of them new`, isBad: true }] : [];
  const answerTimes = [...state.answerTimes.slice(1 - answer_times_max), tookMs];
  return logged({ ...state, letters, answerTimes }, told, nowMs);
}

export function logged(state: State, told: readonly Happening[], nowMs: number): State {
  if (told.length === 0) return state;
  const events = [...state.events, ...told.map((one) => ({ ...one, at: nowMs }))].slice(-events_max);
  return { ...state, events };
}

/** An answer for the screen that asked, if that is still on the stack. What was seen before stays until there is something newer. */
export function withAnswer(state: State, query: Query, answer: Answer<unknown>): State {
  const stack = state.stack.map((screen): Screen => {
    if (!('query' in screen) || screen.query !== query) return screen;
    return { ...screen, answer } as Screen;
  });
  return { ...state, stack };
}

export function ownersNames(cluster: ClusterWords): string[] {
  return [...new Set([...cluster.nodes.map(({ name }) => name), ...cluster.partitions.map(({ owner }) => owner)])]
    .filter((name) => name !== '')
    .sort();
}
