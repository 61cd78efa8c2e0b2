/** What the local store holds of a partition, seen by actors and tables: it leaps from each to the next, whatever lies between. */
import type { Address } from './actor.ts';
import type { PartitionId, Store } from './ports.ts';

/** Sorts after all rows of an actor, and of a table: `!` follows the blank that ends their names. */
const afterAll = '!';
/** Sorts after every key. */
const end = '\x7f';

/** Addresses that begin with `prefix`, those after `after`, at most `limit`. Throws StoreDamaged. */
export function storedActors(
  store: Store,
  partition: PartitionId,
  prefix: string,
  after: Address,
  limit: number,
): Address[] {
  const found: Address[] = [];
  let from = after > prefix ? `${after}${afterAll}` : prefix === '' ? afterAll : prefix;
  while (found.length < limit) {
    const address = firstWord(store, partition, from, `${prefix}${end}`, 0);
    if (address === undefined) break;
    found.push(address);
    from = `${address}${afterAll}`;
  }
  return found;
}

/** Tables with rows. Throws StoreDamaged. */
export function storedTables(store: Store, partition: PartitionId, actor: Address): string[] {
  const found: string[] = [];
  const prefix = `${actor} `;
  for (let from = prefix; ; ) {
    const table = firstWord(store, partition, from, `${actor}${afterAll}`, prefix.length);
    if (table === undefined) return found;
    found.push(table);
    from = `${prefix}${table}${afterAll}`;
  }
}

/** That of the first key from `from` on which begins at `at`. */
function firstWord(store: Store, partition: PartitionId, from: string, to: string, at: number): string | undefined {
  for (const [key] of store.range(partition, { from, to, limit: 1 })) return key.slice(at, key.indexOf(' ', at));
  return undefined;
}
