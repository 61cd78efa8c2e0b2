/** `bench search`: one user with many messages looks for words in them: the turns of its actor alone, over a local store of its own. */
import { join } from 'node:path';
import { defaultMessengerLimits, messengerBehaviours, User } from '../actors/index.ts';
import { branchAt } from '../actors/kinds.ts';
import { numberKey } from '../actors/numbers.ts';
import type { UserProtocol } from '../proto/mail.ts';
import type { ClientWord, MessageList } from '../proto/words.ts';
import { Cell } from '../runtime/cell.ts';
import { partitionOf } from '../runtime/hash.ts';
import type { MailOf } from '../runtime/index.ts';
import { embeddedPorts } from '../runtime/io/index.ts';
import { Overlay } from '../runtime/overlay.ts';
import type { Codec, Store, StoreWrite } from '../runtime/ports.ts';
import { takeTurn } from '../runtime/turn.ts';
import type { Endings } from '../scripts/endings.ts';
import { table } from './figures.ts';
import { Latencies, type Percentiles, rounded } from './latencies.ts';

export interface SearchOptions {
  readonly messages: number;
  /** Of each message, about. */
  readonly chars: number;
  /** Timeline rows that one turn reads; undefined: as many as by default. */
  readonly rows: number | undefined;
  readonly folder: string;
}

/** One search, from its first turn to its last. */
interface Run {
  readonly what: string;
  readonly found: number;
  readonly turns: number;
  readonly s: number;
  /** null where it looks at few of them. */
  readonly rows_per_s: number | null;
  readonly turn_ms: Percentiles | null;
}

export interface SearchFigures {
  readonly messages: number;
  readonly rows: number;
  readonly rows_per_turn: number;
  readonly runs: readonly Run[];
}

const self = 'alice';
const partitions = 32;
const partition = partitionOf(`user/${self}`, partitions);
const peers = 50;
const groups = 10;
const rows_per_write = 5_000;
const day_ms = 24 * 60 * 60_000;
const startMs = 1_790_000_000_000;
const session = 's';
const connection = `connection/${self}/n1.1`;

const latin = 'the boat leaves at seven and we should bring bread cheese water and a warm coat for Jürgen'.split(' ');
const cyrillic = 'лодка уходит в семь часов и нам нужно взять хлеб сыр воду и тёплое пальто'.split(' ');

export async function searchBench(
  { messages, chars, rows, folder }: SearchOptions,
  endings: Endings,
): Promise<SearchFigures> {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const ports = await embeddedPorts({ partitions, log, node: 'n1', dataFolder: join(folder, 'n1') });
  endings.add(() => ports.close());
  const count = await fill(ports.store, ports.codec, messages, chars);
  const perTurn = rows ?? defaultMessengerLimits.search_rows_max;
  const searcher = new Searcher(ports.store, ports.codec, perTurn);
  const asked: readonly (readonly [what: string, word: Partial<SearchWord>])[] = [
    ['two words that occur nowhere', { words: 'zebra quagga' }],
    ['a word of every hundredth message', { words: 'jurgen', limit: 50 }],
    ['a word of no message, in one conversation', { words: 'zebra', with: 'peer7' }],
    ['a word of no message, in one group', { words: 'zebra', with: '#g3' }],
    ['all of one day', { words: '', after: startMs + day_ms, before: startMs + 2 * day_ms }],
  ];
  // Once for the compiler.
  searcher.run('', { words: 'zebra' }, count);
  const runs = asked.map(([what, word]) => searcher.run(what, word, count));
  return { messages, rows: count, rows_per_turn: perTurn, runs };
}

type SearchWord = Extract<ClientWord, { readonly kind: 'search' }>;

/** Half of the messages with `peers`, half in groups, and a receipt after every second one. */
async function fill(store: Store, codec: Codec, messages: number, chars: number): Promise<number> {
  let writes: StoreWrite[] = [];
  let n = 0;
  const put = (actor: string, name: string, key: string, value: unknown) =>
    writes.push({ partition, key: `${actor} ${name} ${key}`, value: codec.pack(value) });
  const user = `user/${self}`;
  const event = (row: readonly unknown[]) => put(user, 'tl', numberKey(++n), row);
  const last = new Map<string, number>();
  const seqs = new Map<string, number>();
  const stepMs = Math.max(1, Math.floor((30 * day_ms) / messages));
  put(user, 'account', '', { state: 'active', epoch: 'e', created: startMs });
  put(user, 'device', 'phone', {
    session,
    refreshHash: '',
    accessUntil: startMs * 2,
    refreshUntil: startMs * 2,
    since: 0,
    seen: startMs * 2,
  });
  for (let g = 0; g < groups; g++) put(user, 'group', `#g${g}`, { since: 1, title: 'G' });
  for (let i = 0; i < messages; i++) {
    const at = startMs + i * stepMs;
    const inGroup = i % 2 === 1;
    const other = inGroup ? `#g${(i >> 1) % groups}` : `peer${(i >> 1) % peers}`;
    const seq = (seqs.get(other) ?? 0) + 1;
    seqs.set(other, seq);
    const body = bodyOf(i, chars);
    if (inGroup) {
      put(branchAt(partition, other).address, 'log', numberKey(seq), ['message', `m${i}`, 'bob', at, body]);
      event(['entry', other, seq, at, '']);
    } else {
      event(['in', `m${i}`, other, seq, at, body, last.get(other) ?? 0, at + 30 * day_ms]);
      last.set(other, n);
    }
    if (inGroup) event(['receipt', 'peer1', i, i, at]);
    if (writes.length < rows_per_write) continue;
    await store.write(writes);
    writes = [];
  }
  for (const [other, seq] of seqs) put(user, 'conv', other, [0, 0, 0, seq, seq, startMs, 0, 0, last.get(other) ?? 0]);
  await store.write(writes);
  return n;
}

/** A tenth of them in another script; every hundredth has a name in it. */
function bodyOf(i: number, chars: number): string {
  const words = i % 10 === 0 ? cyrillic : latin;
  const from = (i * 7) % words.length;
  const line = [...words.slice(from), ...words.slice(0, from)].filter((word) => word !== 'Jürgen').join(' ');
  const text = `${line} `
    .repeat(Math.ceil(chars / line.length))
    .slice(0, chars)
    .trim();
  return i % 100 === 0 ? `${text} Jürgen` : text;
}

class Searcher {
  readonly #overlay: Overlay;
  readonly #cell: Cell;
  readonly #host;
  #words = 0;

  constructor(store: Store, codec: Codec, rows: number) {
    this.#overlay = new Overlay(partition, store, codec);
    const behaviour = messengerBehaviours({ search_rows_max: rows }).find(({ kind }) => kind === 'user');
    this.#cell = new Cell(User.ref(self).address, behaviour);
    this.#host = {
      id: partition,
      overlay: this.#overlay,
      partitionOf: () => partition,
      counts: false,
      uniqueId: () => 'u',
    };
    const claims = { user: self, device: 'phone', session };
    this.#turn({ kind: 'attach', connection, claims, hello: { kind: 'hello', epoch: 'e', cursor: 0 } });
  }

  run(what: string, asked: Partial<SearchWord>, count: number): Run {
    const times = new Latencies();
    let found = 0;
    let turns = 0;
    let cursor = 0;
    const before = performance.now();
    do {
      const word: SearchWord = { kind: 'search', req: 1, words: '', limit: 100, ...asked, cursor };
      const turnBefore = performance.now();
      const answer = this.#turn({ kind: 'words', connection, words: [word], number: ++this.#words });
      times.add(performance.now() - turnBefore);
      turns++;
      found += answer?.messages.length ?? 0;
      cursor = answer?.next ?? 0;
    } while (cursor > 0);
    const s = (performance.now() - before) / 1_000;
    return {
      what,
      found,
      turns,
      s: rounded(s),
      rows_per_s: asked.with?.startsWith('peer') ? null : Math.round(count / s),
      turn_ms: times.percentiles(),
    };
  }

  /** The answer to a search, where there is one. */
  #turn(body: MailOf<UserProtocol>): MessageList | undefined {
    const mail = {
      to: this.#cell.address,
      body,
      from: undefined,
      asker: undefined,
      origin: undefined,
      tries: 0,
      trace: undefined,
    };
    const { outputs = [] } = takeTurn(this.#host, this.#cell, mail, startMs * 2 - day_ms);
    this.#overlay.keep();
    const said = outputs.flatMap((output) => (output.kind === 'whisper' ? [output.body] : []));
    const words = said.flatMap((one) => ('words' in one ? (one.words as readonly { readonly kind: string }[]) : []));
    return words.find((word): word is MessageList => word.kind === 'messages');
  }
}

export function searchTable({ messages, rows, rows_per_turn, runs }: SearchFigures): string {
  const lines = runs.map(({ what, found, turns, s, rows_per_s, turn_ms }) => [
    what,
    found,
    turns,
    s,
    rows_per_s?.toLocaleString('en') ?? '',
    turn_ms?.p50 ?? '',
    turn_ms?.p99 ?? '',
    turn_ms?.max ?? '',
  ]);
  return `${[
    `${messages.toLocaleString('en')} messages in ${rows.toLocaleString('en')} rows, at most ${rows_per_turn} of them a turn`,
    '',
    table(['', 'found', 'turns', 's', 'rows/s', 'turn ms p50', 'p99', 'max'], lines),
  ].join('\n')}\n`;
}
