/** Actors, their rows, and the mails that failed: looked up where they live. */
import { isAddress, type Node } from '../runtime/index.ts';
import type { Caller } from './access.ts';
import { answerOf, invalid } from './failures.ts';
import { shown, shownKey } from './redact.ts';
import { mayAct } from './roles.ts';
import type { ActorEntryWords, LetterWords, Reply, Request } from './words.ts';

const page_default = 100;
const page_max = 500;
/** A page goes through partitions for so long, then it ends with what was found. */
const page_ms_max = 2_000;

/** Where a list that goes through partitions goes on. */
interface Place {
  readonly partition: number;
  readonly after: string;
}

function placeOf(page: string): Place {
  if (page === '') return { partition: 0, after: '' };
  const [, partition, after = ''] = /^(\d{1,9}):(.*)$/s.exec(page) ?? [];
  if (partition === undefined) throw invalid(`"${page}" is no page of this list`);
  return { partition: Number(partition), after };
}

export function limitOf(limit: number): number {
  return limit === 0 ? page_default : Math.min(limit, page_max);
}

/** Goes through partitions, or looks at one only, until a page is full. */
export async function through<T>(
  node: Node,
  { only, page, limit }: { readonly only: number | undefined; readonly page: string; readonly limit: number },
  look: (
    partition: number,
    after: string,
    most: number,
  ) => Promise<{ readonly list: readonly T[]; readonly next: string }>,
): Promise<{ list: T[]; next: string }> {
  let { partition, after } = placeOf(page);
  if (only !== undefined && page === '') partition = only;
  const end = only === undefined ? node.view.owners.length : only + 1;
  const list: T[] = [];
  const most = limitOf(limit);
  const startedMs = performance.now();
  while (partition < end) {
    if (list.length >= most || performance.now() - startedMs > page_ms_max)
      return { list, next: `${partition}:${after}` };
    const found = await look(partition, after, most - list.length);
    list.push(...found.list);
    after = found.next;
    if (after === '') partition++;
  }
  return { list, next: '' };
}

export async function listActors(node: Node, request: Request<'ListActors'>): Promise<Reply<'ListActors'>> {
  const { kind, keyPrefix, partition: only, page, limit } = request;
  if (kind === '' && keyPrefix !== '') throw invalid('a kind is wanted with the beginning of a key');
  const prefix = kind === '' ? '' : `${kind}/${keyPrefix}`;
  const { list, next } = await through(node, { only, page, limit }, async (partition, after, most) => {
    const asked = { kind: 'actors', partition, prefix, after, limit: most } as const;
    const found = answerOf(await node.inspect(asked));
    const at = ownerOf(node, partition);
    return { list: found.list.map((entry): ActorEntryWords => ({ ...entry, partition, node: at })), next: found.next };
  });
  return { actors: list, next };
}

export async function getActor(node: Node, { address }: Request<'GetActor'>): Promise<Reply<'GetActor'>> {
  const partition = partitionOf(node, address);
  const actor = answerOf(await node.inspect({ kind: 'actor', partition, address }));
  return { ...actor, node: ownerOf(node, partition) };
}

export async function listRows(node: Node, caller: Caller, request: Request<'ListRows'>): Promise<Reply<'ListRows'>> {
  const { address, table, page, limit } = request;
  const partition = partitionOf(node, address);
  if (!/^[\x21-\x7e]{1,64}$/.test(table)) throw invalid('a table is wanted');
  const isSecret = shownKey(table, 'a') !== 'a';
  const after = isSecret ? '' : page;
  const most = isSecret ? page_max : limitOf(limit);
  const found = answerOf(await node.inspect({ kind: 'rows', partition, address, table, after, limit: most }));
  const mayRead = mayAct(caller.role, 'admin');
  const rows = found.list.map(({ key, value }) => ({ key: shownKey(table, key), value: shown(value, mayRead, table) }));
  // Keys that are secrets are no places to go on from.
  return { rows, next: isSecret ? '' : found.next, redacted: !mayRead };
}

// ---------------------------------------------------------------- dead letters

export async function listLetters(node: Node, request: Request<'ListDeadLetters'>): Promise<Reply<'ListDeadLetters'>> {
  const { partition: only, page, limit } = request;
  const { list, next } = await through(node, { only, page, limit }, async (partition, after, most) => {
    const found = answerOf(await node.inspect({ kind: 'deadLetters', partition, after, limit: most }));
    const letters = found.list.map(({ id, to, from, body, why, at }): LetterWords => {
      return { partition, id, to, from, kind: body.kind, why, at, body: '', redacted: false };
    });
    return { list: letters, next: found.next };
  });
  return { letters: list, next };
}

export async function getLetter(
  node: Node,
  caller: Caller,
  { partition, id }: Request<'GetDeadLetter'>,
): Promise<LetterWords> {
  const { to, from, body, why, at } = answerOf(await node.inspect({ kind: 'deadLetter', partition, id }));
  const mayRead = mayAct(caller.role, 'admin');
  const { kind, ...rest } = body;
  return { partition, id, to, from, kind, why, at, body: shown(rest, mayRead), redacted: !mayRead };
}

function partitionOf(node: Node, address: string): number {
  if (!isAddress(address)) throw invalid(`"${address}" is no actor's address: such as user/alice`);
  return node.partitionOf(address);
}

export function ownerOf(node: Node, partition: number): string {
  return node.view.owners[partition]?.node ?? '';
}
