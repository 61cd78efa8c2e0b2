/** Where one can go: screens that ask for something, and the rows of each screen that open another. */

import { isBare } from '../happenings.ts';
import { isLagging } from './alarms.ts';
import type { Screen, State } from './model.ts';

const list_rows_max = 200;
const audit_entries = 200;

export const asking = {
  partition: (id: number): Screen => ({
    ...{ kind: 'partition', id, at: 0, answer: { kind: 'asking' } },
    query: { method: 'GetPartition', request: { partition: id } },
  }),
  /** `user/alice` opens one actor; `user/` and `user` list. A key that ends in `*` is the beginning of keys. */
  actorsOrOne: (text: string): Screen => {
    const [kind = '', ...rest] = text.split('/');
    const key = rest.join('/');
    if (key !== '' && !key.endsWith('*')) return asking.actor(text);
    return asking.actors(kind.replace(/\*$/, ''), key.replace(/\*$/, ''));
  },
  actors: (kind: string, keyPrefix: string): Screen => ({
    ...{ kind: 'actors', at: 0, answer: { kind: 'asking' } },
    query: { method: 'ListActors', request: { kind, keyPrefix, limit: list_rows_max, page: '' } },
  }),
  actor: (address: string): Screen => ({
    ...{ kind: 'actor', at: 0, answer: { kind: 'asking' } },
    query: { method: 'GetActor', request: { address } },
  }),
  rows: (address: string, table: string): Screen => ({
    ...{ kind: 'rows', at: 0, answer: { kind: 'asking' } },
    query: { method: 'ListRows', request: { address, table, limit: list_rows_max, page: '' } },
  }),
  letters: (): Screen => ({
    ...{ kind: 'letters', at: 0, answer: { kind: 'asking' } },
    query: { method: 'ListDeadLetters', request: { limit: list_rows_max, page: '' } },
  }),
  letter: (partition: number, id: string): Screen => ({
    ...{ kind: 'letter', at: 0, answer: { kind: 'asking' } },
    query: { method: 'GetDeadLetter', request: { partition, id } },
  }),
  trace: (sender: string, id: string): Screen => ({
    ...{ kind: 'trace', at: 0, answer: { kind: 'asking' } },
    query: { method: 'TraceMessage', request: { sender, id } },
  }),
  /** The newest ones, or those before `before`. The number of the newest is not known until the log has been asked: -1. */
  audit: (before?: number): Screen => {
    const after = before === undefined ? -1 : Math.max(0, before - 1 - audit_entries);
    const limit = before === undefined ? audit_entries : before - 1 - after;
    return {
      ...{ kind: 'audit', at: 0, answer: { kind: 'asking' } },
      query: { method: 'ListAudit', request: { after, limit } },
    };
  },
};

interface Row {
  /** What Enter goes to. */
  readonly opens?: Screen;
}

/** Rows that can be chosen, in the order in which they are shown. */
export function rowsOf(state: State, screen: Screen): readonly Row[] {
  const { cluster } = state;
  switch (screen.kind) {
    case 'overview':
      return (cluster?.nodes ?? []).map(({ name }) => ({ opens: { kind: 'node', name, at: 0 } }));
    case 'node':
      return partitionsOn(state, screen.name).map(({ id }) => ({ opens: asking.partition(id) }));
    case 'partitions':
      return (cluster?.partitions ?? []).map(({ id }) => ({ opens: asking.partition(id) }));
    case 'events':
      return state.events.map(() => ({}));
    case 'mail':
      return state.mail.mails.map(() => ({}));
    case 'help':
    case 'alarms':
    case 'letter':
    case 'trace':
      return [];
    default:
      return answered(screen);
  }
}

function answered(screen: Extract<Screen, { query: unknown }>): readonly Row[] {
  if (screen.answer.kind !== 'here') return [];
  switch (screen.kind) {
    case 'partition':
      return screen.answer.value.channels.map(({ partition }) => ({ opens: asking.partition(partition) }));
    case 'actors':
      return screen.answer.value.actors.map(({ address }) => ({ opens: asking.actor(address) }));
    case 'actor': {
      const { address, tables } = screen.answer.value;
      return tables.map((table) => ({ opens: asking.rows(address, table) }));
    }
    case 'rows':
      return screen.answer.value.rows.map(() => ({}));
    case 'letters':
      return screen.answer.value.letters.map(({ partition, id }) => ({ opens: asking.letter(partition, id) }));
    case 'audit':
      return screen.answer.value.entries.map(() => ({}));
    default:
      return [];
  }
}

/** Those that a node owns, then those that it keeps a copy of. */
export function partitionsOn({ cluster }: State, name: string) {
  const partitions = cluster?.partitions ?? [];
  const copied = partitions.filter(
    ({ owner, standbys }) => owner !== name && standbys.some(({ node }) => node === name),
  );
  return [...partitions.filter(({ owner }) => owner === name), ...copied];
}

/** How a partition's copies are: one character, beside its owner's mark. */
export function copyMark(partition: Parameters<typeof isBare>[0]): string {
  if (partition.standbys.some(({ likeness }) => likeness === 'OTHER')) return '!';
  if (isBare(partition)) return '-';
  return isLagging(partition) ? '~' : ' ';
}
