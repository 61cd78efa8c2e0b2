/** Ports of which one call goes wrong: the test says which, counted from 0, and how. */
import type { Archive, Journal, Ports } from '../../../runtime/ports.ts';

/**
 * - `refused`: nothing is done, and it rejects.
 * - `lost`: it is done, and rejects all the same.
 * - `dead`: nothing is done, and it never answers: the process ends there.
 * - `dead after`: it is done, and never answers.
 */
export type Mishap = 'refused' | 'lost' | 'dead' | 'dead after';

export const mishaps: readonly Mishap[] = ['refused', 'lost', 'dead', 'dead after'];

export class Interrupted {
  /** What went wrong; undefined while nothing has. */
  struck: string | undefined;
  readonly ports: Ports;
  readonly #at: number;
  readonly #how: Mishap;
  #calls = 0;

  constructor(ports: Ports, at: number, how: Mishap) {
    this.#at = at;
    this.#how = how;
    this.ports = { ...ports, archive: this.#archive(ports.archive), journal: this.#journal(ports.journal) };
  }

  #archive(archive: Archive): Archive {
    return {
      put: (name, parts) => this.#call('put', () => archive.put(name, parts)),
      get: (name) => this.#each('get', () => archive.get(name)),
      names: (partition) => this.#call('names', () => archive.names(partition)),
      remove: (name) => this.#call('remove', () => archive.remove(name)),
      pointer: (partition) => this.#call('pointer', () => archive.pointer(partition)),
      point: (partition, version, bytes) => this.#call('point', () => archive.point(partition, version, bytes)),
      close: () => archive.close(),
    };
  }

  #journal(journal: Journal): Journal {
    return {
      append: (batch) => journal.append(batch),
      last: (partition) => this.#call('last', () => journal.last(partition)),
      read: (partition, from, to) => this.#each('read', () => journal.read(partition, from, to)),
      follow: (after) => journal.follow(after),
      truncate: (beforeSeq) => this.#call('truncate', () => journal.truncate(beforeSeq)),
      close: () => journal.close(),
    };
  }

  async #call<T>(what: string, carryOut: () => Promise<T>): Promise<T> {
    if (this.#calls++ !== this.#at) return carryOut();
    this.struck = what;
    const dead = new Promise<never>(() => {});
    if (this.#how === 'dead') return dead;
    if (this.#how === 'refused') throw new Error(`${what} was refused`);
    await carryOut();
    if (this.#how === 'dead after') return dead;
    throw new Error(`no answer to ${what}`);
  }

  async *#each<T>(what: string, begin: () => AsyncIterable<T>): AsyncIterable<T> {
    const iterator = begin()[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#call(what, () => iterator.next());
      if (next.done === true) return;
      yield next.value;
    }
  }
}
