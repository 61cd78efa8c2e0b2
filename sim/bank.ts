/**
 * Accounts that send each other money. Unlike the messenger's, their turns bear no repetition: a mail that comes twice, never, or out of
 * order leaves the books wrong. So they show what the engine alone promises (A6, A10).
 */
import { type AnyBehaviour, actorKind, behaviour, type Turn } from '../runtime/index.ts';

export interface Books {
  readonly balance: number;
  /** By id of transfer, how often each: went out, came in, was confirmed by the receiver, was reminded of by a timer. */
  readonly out: Counts;
  readonly in: Counts;
  readonly confirmed: Counts;
  readonly reminded: Counts;
  /** Words about what must never happen. */
  readonly wrong: readonly string[];
}
export type Counts = { readonly [id: string]: number };

export const opening_balance = 1_000;
const remind_ms = 150;

type AccountProtocol = {
  send: { mail: { to: string; amount: number; id: string }; reply: number };
  credit: { mail: { amount: number; id: string; number: number }; reply: string };
  remind: { mail: { id: string }; reply: never };
  books: { mail: object; reply: Books };
};

export const Account = actorKind<AccountProtocol>('account');

interface Memory {
  balance: number;
}

/** Some turns throw at their end, as often as `throws` says: nothing of what they did may stay. */
export function account(throws: () => boolean): AnyBehaviour {
  const mayThrow = (): void => {
    if (throws()) throw new Error('a turn throws (simulated)');
  };
  return behaviour<AccountProtocol, Memory>(Account, {
    wake: (turn) => ({ balance: turn.get<number>('balance') ?? opening_balance }),
    turns: {
      send(memory, { to, amount, id }, turn) {
        if (turn.get<number>('out', id) === undefined) {
          const number = (turn.get<number>('sent', to) ?? 0) + 1;
          move(memory, -amount, turn);
          count(turn, 'out', id);
          turn.put('sent', to, number);
          turn.ask(Account.ref(to), { kind: 'credit', amount, id, number }, id);
          const reminder = { kind: 'remind', id } as { kind: string };
          turn.setTimer(id, turn.now + remind_ms, reminder);
          mayThrow();
        }
        turn.reply(memory.balance);
      },
      credit(memory, { amount, id, number }, turn) {
        const from = turn.from ?? 'nobody';
        const last = turn.get<number>('got', from) ?? 0;
        if (number !== last + 1)
          turn.put('wrong', `${id} ${number}`, `${id}: number ${number} of ${from} after ${last}`);
        turn.put('got', from, number);
        move(memory, amount, turn);
        count(turn, 'in', id);
        turn.reply(id);
        mayThrow();
      },
      remind(_memory, { id }, turn) {
        count(turn, 'reminded', id);
        mayThrow();
      },
      books(memory, _mail, turn) {
        const counts = (table: string): Counts => Object.fromEntries(turn.range<number>(table));
        const wrong = turn.range<string>('wrong').map(([, words]) => words);
        const { balance } = memory;
        const [sent, received] = [counts('out'), counts('in')];
        turn.reply({
          balance,
          out: sent,
          in: received,
          confirmed: counts('confirmed'),
          reminded: counts('reminded'),
          wrong,
        });
      },
    },
    replied(_memory, tag, value, turn) {
      count(turn, 'confirmed', tag);
      if (value !== tag) turn.put('wrong', `reply ${tag}`, `${tag}: the reply is ${String(value)}`);
      mayThrow();
    },
  });
}

function move(memory: Memory, amount: number, turn: Turn): void {
  memory.balance += amount;
  turn.put('balance', memory.balance);
}

function count(turn: Turn, table: string, id: string): void {
  turn.put(table, id, (turn.get<number>(table, id) ?? 0) + 1);
}
