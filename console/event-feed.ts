/** The events of the whole cluster, for all who watch them at this node. It looks only while somebody does. */
import type { AuditEntry, AuditProtocol } from '../proto/audit-words.ts';
import type { Node, NodeEvent, Ref } from '../runtime/index.ts';
import { event } from './event-words.ts';
import { happenings } from './happenings.ts';
import { toldBy } from './node-events.ts';
import { survey } from './survey.ts';
import type { ClusterWords, EventKind, EventWords } from './words.ts';

const look_every_ms = 500;
/** For one node to answer. */
const node_wait_ms = 1_500;
/** Of a node in one look: as many as it remembers. */
const pages_max = 3;
/** Of the past: the newest. */
const past_events_max = 1_000;
const audit_entries_max = 200;

/** What only a look at the whole tells; all else nodes tell themselves. */
const seenFromOutside: ReadonlySet<EventKind> = new Set([
  'NODE_SILENT',
  'NODE_ANSWERS',
  'NODE_EMPTY',
  'PARTITION_ORPHANED',
  'PARTITION_PINNED',
  'PARTITION_UNPINNED',
  'COPY_MISSING',
  'COPY_BACK',
  'COPY_DIFFERS',
]);

type Hear = (events: readonly EventWords[], missed: number) => void;

interface Cursor {
  readonly incarnation: string;
  readonly after: number;
}

interface Read {
  readonly events: readonly NodeEvent[];
  readonly cursor: Cursor;
  readonly missed: number;
}

export class EventFeed {
  readonly #node: Node;
  readonly #audit: Ref<AuditProtocol>;
  readonly #ears = new Set<Hear>();
  /** Who has joined and not left, those included who have not heard anything yet. */
  #watching = 0;
  #cursors = new Map<string, Cursor>();
  #before: ClusterWords | undefined;
  /** Entries of the audit log up to here are told; undefined while nobody knows how many there are. */
  #audited: number | undefined;
  #startedAt = 0;
  #looking: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(node: Node, audit: Ref<AuditProtocol>) {
    this.#node = node;
    this.#audit = audit;
  }

  /** `hear` is called with what was before, of the last `sinceMs`, and then with what is new, until what this answers with is called. */
  join(sinceMs: number, hear: Hear): () => void {
    let isHere = true;
    this.#watching++;
    if (this.#timer === undefined) this.#begin();
    // Between two looks: so nothing is told twice, and nothing is left out.
    this.#looking = this.#looking.then(async () => {
      const past = isHere && sinceMs > 0 ? await this.#past(Date.now() - sinceMs) : [];
      if (!isHere) return;
      hear(past, 0);
      this.#ears.add(hear);
    });
    return () => {
      if (isHere) this.#watching--;
      isHere = false;
      this.#ears.delete(hear);
    };
  }

  close(): void {
    this.#watching = 0;
    this.#ears.clear();
    clearTimeout(this.#timer);
  }

  #begin(): void {
    this.#startedAt = Date.now();
    this.#cursors = new Map();
    this.#before = undefined;
    this.#audited = undefined;
    this.#looking = this.#look();
    this.#again();
  }

  #again(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#looking.then(() => this.#look());
      void this.#looking.then(() => {
        if (this.#watching > 0) this.#again();
        else this.#timer = undefined;
      });
    }, look_every_ms);
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const names = this.#node.members.map(({ node }) => node);
    const [cluster, changes, ...told] = await Promise.all([
      survey(this.#node),
      this.#changes(),
      ...names.map((name) => this.#read(name, this.#cursors.get(name))),
    ]);
    const events: EventWords[] = [...changes];
    const telling = new Set<string>();
    let missed = 0;
    for (const [i, name] of names.entries()) {
      const read = told[i];
      if (read === undefined) continue;
      telling.add(name);
      missed += read.missed;
      events.push(...toldBy(name, name === this.#node.node, this.#fresh(name, read)));
      this.#cursors.set(name, read.cursor);
    }
    if (this.#before !== undefined) {
      const isNews = ({ kind, node }: EventWords): boolean =>
        seenFromOutside.has(kind) || (kind === 'PARTITION_MOVED' && !telling.has(node));
      events.push(...happenings(this.#before, cluster).filter(isNews));
    }
    this.#before = cluster;
    if (events.length > 0 || missed > 0) for (const hear of [...this.#ears]) hear(inOrder(events), missed);
  }

  /** The first look only finds out where each node is. One that answers later than that tells of its past, too: by its clock, which may differ. */
  #fresh(name: string, { events }: Read): readonly NodeEvent[] {
    if (this.#before === undefined) return [];
    return this.#cursors.has(name) ? events : events.filter(({ at }) => at >= this.#startedAt);
  }

  /** Undefined where the node does not answer, or is older. */
  async #read(name: string, from: Cursor = { incarnation: '', after: 0 }): Promise<Read | undefined> {
    let cursor = from;
    const events: NodeEvent[] = [];
    let missed = 0;
    for (let pages = 0; pages < pages_max; pages++) {
      const page = await this.#node.inspect({ kind: 'events', ...cursor }, name, node_wait_ms);
      if (page.kind === 'none') return pages === 0 ? undefined : { events, cursor, missed };
      const { incarnation, events: more, last } = page.value;
      const [first] = more;
      if (first !== undefined && cursor.incarnation === incarnation) missed += first.seq - cursor.after - 1;
      events.push(...more);
      cursor = { incarnation, after: more.at(-1)?.seq ?? last };
      if (cursor.after >= last) break;
    }
    return { events, cursor, missed };
  }

  /** What nodes remember of the time from `at` on, up to where they are read. */
  async #past(at: number): Promise<readonly EventWords[]> {
    const told = [...this.#cursors].map(async ([name, { incarnation, after }]) => {
      const read = await this.#read(name);
      const isPast = (one: NodeEvent): boolean =>
        one.at >= at && read?.cursor.incarnation === incarnation && one.seq <= after;
      return toldBy(name, name === this.#node.node, (read?.events ?? []).filter(isPast));
    });
    const audited = this.#audited ?? 0;
    const entries = audited === 0 ? [] : await this.#entries(Math.max(0, audited - audit_entries_max));
    const changes = entries.filter((entry) => entry.at >= at && entry.number <= audited).map(changeOf);
    return inOrder([...(await Promise.all(told)).flat(), ...changes]).slice(-past_events_max);
  }

  // ---------------------------------------------------------------- what operators change

  async #changes(): Promise<readonly EventWords[]> {
    if (this.#audited === undefined) {
      const asked = await this.#node.ask(this.#audit, { kind: 'read', after: 0, limit: 1 }, node_wait_ms);
      if (asked.kind === 'reply') this.#audited = asked.value.head;
      return [];
    }
    const entries = await this.#entries(this.#audited);
    this.#audited = entries.at(-1)?.number ?? this.#audited;
    return entries.map(changeOf);
  }

  /** Those after a number; none where the log does not answer now. */
  async #entries(after: number): Promise<readonly AuditEntry[]> {
    const ask = { kind: 'read', after, limit: audit_entries_max } as const;
    const asked = await this.#node.ask(this.#audit, ask, node_wait_ms);
    return asked.kind === 'reply' ? asked.value.entries : [];
  }
}

function changeOf({ number, at, who, node, method, outcome }: AuditEntry): EventWords {
  return event('CHANGE', { at, who, node, method, audit: number, why: outcome });
}

function inOrder(events: readonly EventWords[]): readonly EventWords[] {
  return [...events].sort((a, b) => a.at - b.at);
}
