/** Tellers ask the accounts to send each other money, at the door of whatever node is up, and note what they were answered. */
import type { Asked, Node } from '../runtime/index.ts';
import { Account, type Books, opening_balance } from './bank.ts';
import type { SimRandom, SimTime } from './clock.ts';
import type { Trace } from './trace.ts';
import { Violation } from './violation.ts';

export interface TellersOptions {
  readonly time: SimTime;
  readonly random: SimRandom;
  readonly trace: Trace;
  readonly accounts: readonly string[];
  readonly everyMs: number;
  /** A node that is up, if any is. */
  readonly node: () => Node | undefined;
  check(check: () => void): void;
  /** An account said that it sent this: throws `Violation` unless that is durable. */
  promised(account: string, id: string): void;
}

interface Transfer {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  /** `not done`: every try of it was certainly not carried out. */
  state: 'open' | 'done' | 'not done' | 'unknown';
}

/** Dead letters of accounts: ids of transfers by kind of mail, and the money in them. */
export interface DeadMail {
  readonly ids: ReadonlyMap<string, ReadonlySet<string>>;
  readonly amount: number;
}

const ask_wait_ms = 5_000;
const again_ms: readonly [number, number] = [100, 3_000];

export class Tellers {
  readonly #options: TellersOptions;
  readonly transfers: Transfer[] = [];
  #busy = true;

  constructor(options: TellersOptions) {
    this.#options = options;
  }

  start(): void {
    const { time, random, accounts, everyMs } = this.#options;
    time.after(random.exponential(everyMs), () => {
      if (!this.#busy) return;
      const from = random.pick(accounts);
      const to = random.pick(accounts.filter((account) => account !== from));
      const id = `t${this.transfers.length}`;
      const transfer: Transfer = { id, from, to, amount: random.between(1, 20), state: 'open' };
      this.transfers.push(transfer);
      void this.#carryOut(transfer);
      this.start();
    });
  }

  rest(): void {
    this.#busy = false;
  }

  get done(): number {
    return this.transfers.filter(({ state }) => state === 'done').length;
  }

  get open(): boolean {
    return this.transfers.some(({ state }) => state === 'open');
  }

  async #carryOut(transfer: Transfer): Promise<void> {
    const { random, time, trace, check, promised } = this.#options;
    const { id, from, to, amount } = transfer;
    let unsure = false;
    for (;;) {
      const asked = await this.#ask(from, { kind: 'send', to, amount, id });
      if (asked?.kind === 'reply') {
        transfer.state = 'done';
        trace.note('teller', `${id} from ${from} to ${to} is done`);
        check(() => promised(from, id));
        return;
      }
      if (asked?.kind === 'unknown') unsure = true;
      // Some give up: what was refused then must not have happened, and what is unknown may or may not have.
      if (asked !== undefined && (random.chance(0.2) || !this.#busy)) {
        transfer.state = unsure ? 'unknown' : 'not done';
        trace.note('teller', `${id} from ${from} to ${to} is given up: ${unsure ? 'unknown' : 'refused'}`);
        return;
      }
      await time.passed(random.between(...again_ms));
    }
  }

  async #ask(
    from: string,
    mail: { readonly kind: 'send'; readonly to: string; readonly amount: number; readonly id: string },
  ): Promise<Asked<number> | undefined> {
    const node = this.#options.node();
    if (node === undefined) return undefined;
    const lost = new Promise<Asked<number>>((resolve) => {
      // The node may die with the ask.
      this.#options.time.after(ask_wait_ms * 2, () => resolve({ kind: 'unknown', why: 'the node is gone' }));
    });
    return await Promise.race([node.ask(Account.ref(from), mail, ask_wait_ms), lost]);
  }

  /** The books of all accounts, once nothing is under way, with the mail that could not be handled. Throws `Violation`. */
  audit(books: ReadonlyMap<string, Books>, dead: DeadMail, timersMayBeLate: boolean): void {
    let sum = dead.amount;
    for (const [account, { balance, wrong }] of books) {
      sum += balance;
      // After a dead letter numbers are missing.
      const [words] = wrong;
      if (words !== undefined && dead.ids.get('credit') === undefined) {
        throw new Violation('A6', `account ${account}: ${words}`, [account]);
      }
    }
    for (const transfer of this.transfers) this.#auditTransfer(transfer, books, dead, timersMayBeLate);
    const right = books.size * opening_balance;
    if (sum !== right) throw new Violation('A6', `the bank holds ${sum} instead of ${right}`, [...books.keys()]);
  }

  #auditTransfer(
    { id, from, to, state }: Transfer,
    books: ReadonlyMap<string, Books>,
    dead: DeadMail,
    timersMayBeLate: boolean,
  ): void {
    const times = (account: string, table: 'out' | 'in' | 'confirmed' | 'reminded'): number =>
      books.get(account)?.[table][id] ?? 0;
    const isDead = (kind: string): boolean => dead.ids.get(kind)?.has(id) === true;
    const about = [id, from, to];
    const out = times(from, 'out');
    if (out !== 1 && state === 'done')
      throw new Violation('A1', `transfer ${id} was done, and is not in the books`, about);
    if (out !== 0 && state === 'not done')
      throw new Violation('A7', `transfer ${id} was refused, and was carried out`, about);
    const expected = [
      [to, 'in', isDead('credit')],
      [from, 'confirmed', isDead('credit') || isDead('$reply')],
      [from, 'reminded', isDead('remind')],
    ] as const;
    for (const [account, table, never] of expected) {
      const found = times(account, table);
      if (found === (never ? 0 : out) || (table === 'reminded' && found === 0 && timersMayBeLate)) continue;
      throw new Violation(
        'A6',
        `transfer ${id} left ${from} ${out} times, and is ${table} at ${account} ${found} times`,
        about,
      );
    }
  }
}
