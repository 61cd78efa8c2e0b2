/** Actors, and mails that failed. */
import type { ActorEntryWords, LetterWords, TurnWords } from '../../console/index.ts';
import { UsageError, wholeNumber } from '../options.ts';
import { partitionOf } from './cluster.ts';
import { type Errand, isMeant, reasonOf } from './connect.ts';
import { duration, table, time } from './table.ts';

const list_default = 200;
const list_max = 100_000;

/** All pages up to `--limit`; `more`: there is something after it. */
export async function gather<T>(
  { options, terminal }: Errand,
  page: (at: {
    readonly page: string;
    readonly limit: number;
  }) => Promise<{ readonly list: readonly T[]; readonly next: string }>,
): Promise<T[]> {
  const most = wholeNumber(options, 'limit', list_default, 1, list_max);
  const all: T[] = [];
  let at = '';
  do {
    const { list, next } = await page({ page: at, limit: Math.min(500, most - all.length) });
    all.push(...list);
    at = next;
  } while (at !== '' && all.length < most);
  if (at !== '') terminal.tell(`There are more than ${most}: --limit N shows more of them.`);
  return all;
}

function onlyPartition({ options }: Errand): { partition?: number } {
  const only = options.partition;
  return typeof only === 'string' ? { partition: partitionOf(only) } : {};
}

/** Of one kind, or of all: `user`, `user/al`. */
export async function actors(errand: Errand): Promise<number> {
  const { words } = errand;
  const [kind = '', ...rest] = (words[0] ?? '').split('/');
  return listActors(errand, kind, rest.join('/'));
}

export async function listActors(errand: Errand, kind: string, keyPrefix: string): Promise<number> {
  const { client } = errand;
  const list = await gather(errand, async (at) => {
    const { actors: found, next } = await client.call('ListActors', {
      kind,
      keyPrefix,
      ...at,
      ...onlyPartition(errand),
    });
    return { list: found, next };
  });
  sayActors(errand, list);
  return 0;
}

export function sayActors({ terminal, json }: Errand, list: readonly ActorEntryWords[]): void {
  const columns = [
    { head: 'ACTOR', of: ({ address }: ActorEntryWords) => address },
    { head: 'PARTITION', of: ({ partition }: ActorEntryWords) => partition },
    { head: 'NODE', of: ({ node }: ActorEntryWords) => node },
    { head: 'STATE', of: ({ awake }: ActorEntryWords) => (awake ? 'awake' : 'asleep') },
    { head: 'WAITING', of: ({ waitingMails }: ActorEntryWords) => waitingMails },
  ];
  terminal.say(json ? JSON.stringify(list, null, 2) : table(list, columns));
}

/** One actor; with a table's name, the rows of that. */
export async function actor(errand: Errand): Promise<number> {
  const { client, terminal, json, words } = errand;
  const [address, name] = words;
  if (address === undefined) throw new UsageError('Which actor? ringpost admin actor user/alice');
  if (name !== undefined) return rows(errand, address, name);
  const found = await client.call('GetActor', { address });
  if (json) {
    terminal.say(JSON.stringify(found, null, 2));
    return 0;
  }
  const { node, partition, epoch, awake, idleMs, waitingMails, tables, timers, turns } = found;
  terminal.say(`${address}
  lives in partition ${partition} on ${node}, in epoch ${epoch}
  ${awake ? `awake, its last mail ${duration(idleMs)} ago` : 'asleep'}; ${waitingMails.length === 0 ? 'no mail waits' : `mails that wait: ${waitingMails.join(', ')}`}
  tables: ${tables.join(', ') || '(none)'}
  timers: ${timers.map((timer) => `${timer.name} at ${time(timer.at)} (${timer.mail})`).join(', ') || '(none)'}`);
  terminal.say(turns.length === 0 ? '  turns: kept for a minute from now on; look again' : turnTable(turns));
  return 0;
}

function turnTable(turns: readonly TurnWords[]): string {
  return table(turns, [
    { head: 'TURN AT', of: ({ at }) => new Date(at).toISOString().slice(11, 23) },
    { head: 'MAIL', of: ({ mail }) => mail },
    { head: 'FROM', of: ({ from, by }) => (from === '' ? `(${by})` : from) },
    { head: 'TOOK', of: ({ tookUs }) => `${tookUs} µs` },
    { head: 'ROWS', of: ({ rows: written }) => written },
    { head: 'MAILS', of: ({ mails }) => mails },
    { head: 'OTHER', of: ({ outputs }) => outputs },
    { head: 'THREW', of: ({ threw }) => (threw === '' ? '-' : threw) },
  ]);
}

async function rows(errand: Errand, address: string, name: string): Promise<number> {
  const { client, terminal, json } = errand;
  let isRedacted = false;
  const list = await gather(errand, async (at) => {
    const { rows: found, next, redacted } = await client.call('ListRows', { address, table: name, ...at });
    isRedacted = redacted;
    return { list: found, next };
  });
  const words = list.map(({ key, value }) => `${key === '' ? '-' : key}  ${value}`).join('\n');
  terminal.say(
    json
      ? JSON.stringify(
          list.map(({ key, value }) => ({ key, value: JSON.parse(value) as unknown })),
          null,
          2,
        )
      : words,
  );
  if (isRedacted && !json) terminal.tell('Text is redacted: admins see it.');
  return 0;
}

// ---------------------------------------------------------------- dead letters

/** `list`, `show ID`, `replay ID`, `drop ID`. */
export async function letters(errand: Errand): Promise<number> {
  const [what = 'list', id] = errand.words;
  if (what === 'list') return listLetters(errand);
  if (id === undefined) throw new UsageError('Which one? ringpost admin dead-letters lists them.');
  const letter = letterOf(id);
  switch (what) {
    case 'show':
      return showLetter(errand, letter);
    case 'replay':
    case 'drop':
      return bringLetter(errand, what, id, letter);
    default:
      throw new UsageError(`dead-letters list, show, replay or drop; not "${what}".`);
  }
}

/** Partition and id in one word, as it is typed. */
function nameOf({ partition, id }: { readonly partition: number; readonly id: string }): string {
  return `${partition}.${id.replace(' ', '_')}`;
}

function letterOf(name: string): { partition: number; id: string } {
  const [, partition, id] = /^(\d{1,6})\.(\S+)$/.exec(name) ?? [];
  if (partition === undefined || id === undefined) throw new UsageError(`"${name}" is no dead letter's ID.`);
  return { partition: Number(partition), id: id.replace('_', ' ') };
}

async function listLetters(errand: Errand): Promise<number> {
  const { client, terminal, json } = errand;
  const list = await gather(errand, async (at) => {
    const { letters: found, next } = await client.call('ListDeadLetters', { ...at, ...onlyPartition(errand) });
    return { list: found, next };
  });
  const named = list.map(({ body: _, redacted: __, ...letter }) => ({ ...letter, name: nameOf(letter) }));
  terminal.say(
    json
      ? JSON.stringify(named, null, 2)
      : table(named, [
          { head: 'ID', of: ({ name }) => name },
          { head: 'SINCE', of: ({ at }) => time(at) },
          { head: 'TO', of: ({ to }) => to },
          { head: 'MAIL', of: ({ kind }) => kind },
          { head: 'WHY', of: ({ why }) => why },
        ]),
  );
  return 0;
}

async function showLetter(
  { client, terminal, json }: Errand,
  letter: { partition: number; id: string },
): Promise<number> {
  const found: LetterWords = await client.call('GetDeadLetter', letter);
  const { to, from, kind, why, at, body, redacted } = found;
  terminal.say(
    json
      ? JSON.stringify({ ...found, name: nameOf(found), body: JSON.parse(body) as unknown }, null, 2)
      : `${kind} to ${to}${from === '' ? '' : ` from ${from}`}, given up ${time(at)}\n${why}\n${body}`,
  );
  if (redacted && !json) terminal.tell('Text is redacted: admins see it.');
  return 0;
}

async function bringLetter(
  errand: Errand,
  what: 'replay' | 'drop',
  name: string,
  letter: { partition: number; id: string },
): Promise<number> {
  const { client, terminal, json } = errand;
  if (what === 'drop' && !(await isMeant(errand, `The mail of ${name} will never have its turn.`, name))) return 1;
  const method = what === 'drop' ? 'DropDeadLetter' : 'ReplayDeadLetter';
  const done = await client.call(method, { ...letter, reason: await reasonOf(errand) });
  const words = what === 'drop' ? `${name} is gone.` : `The mail of ${name} has its turn once more.`;
  terminal.say(json ? JSON.stringify(done) : words);
  return 0;
}
