/** Accounts that send each other money, and keep enough of a ledger to tell a loss, a duplicate or a wrong order afterwards. */
import { type AnyBehaviour, actorKind, type Behaviour, behaviour, type Turn } from '../../runtime/index.ts';

export interface Statement {
  readonly balance: number;
  /** Ids of transfers out, and how often each was carried out. */
  readonly out: { readonly [id: string]: number };
  /** Ids of transfers in, and how often each came. */
  readonly in: { readonly [id: string]: number };
  /** Ids of transfers out of which the receiver said that they came, and how often it did. */
  readonly confirmed: { readonly [id: string]: number };
  /** Ids of transfers out that a timer reminded of, and how often it did. */
  readonly reminded: { readonly [id: string]: number };
  /** Words about what must never happen. */
  readonly wrong: readonly string[];
}

export const opening_balance = 1_000;

type AccountProtocol = {
  send: { mail: { to: string; amount: number; id: string }; reply: number };
  credit: { mail: { amount: number; id: string; number: number }; reply: string };
  remind: { mail: { id: string }; reply: never };
  balance: { mail: object; reply: number };
  statement: { mail: object; reply: Statement };
};

export const Account = actorKind<AccountProtocol>('account');

interface Memory {
  balance: number;
}

const turnsOf = (mishap: () => boolean): Behaviour<AccountProtocol, Memory> => ({
  wake: (turn) => ({ balance: turn.get<number>('balance') ?? opening_balance }),
  turns: {
    send(memory, { to, amount, id }, turn) {
      const times = turn.get<number>('out', id) ?? 0;
      if (times === 0) {
        const number = (turn.get<number>('sent', to) ?? 0) + 1;
        memory.balance -= amount;
        turn.put('balance', memory.balance);
        turn.put('out', id, 1);
        turn.put('sent', to, number);
        turn.ask(Account.ref(to), { kind: 'credit', amount, id, number }, id);
        const reminder = { kind: 'remind', id } as { kind: string };
        turn.setTimer(`late ${id}`, turn.now + 700, reminder);
        turn.setTimer(id, turn.now + 150, reminder);
        turn.clearTimer(`late ${id}`);
        if (mishap()) throw new Error('a mishap');
      }
      turn.reply(memory.balance);
    },
    credit(memory, { amount, id, number }, turn) {
      const from = turn.from ?? 'nobody';
      const last = turn.get<number>('got', from) ?? 0;
      if (number !== last + 1) turn.put('wrong', `${id} ${number}`, `${id}: number ${number} of ${from} after ${last}`);
      memory.balance += amount;
      turn.put('got', from, number);
      turn.put('balance', memory.balance);
      count(turn, 'in', id);
      turn.reply(id);
      if (mishap()) throw new Error('a mishap');
    },
    remind(_memory, { id }, turn) {
      count(turn, 'reminded', id);
      if (mishap()) throw new Error('a mishap');
    },
    balance: (memory, _mail, turn) => turn.reply(memory.balance),
    statement(memory, _mail, turn) {
      turn.reply({
        balance: memory.balance,
        out: Object.fromEntries(turn.range<number>('out')),
        in: Object.fromEntries(turn.range<number>('in')),
        confirmed: Object.fromEntries(turn.range<number>('confirmed')),
        reminded: Object.fromEntries(turn.range<number>('reminded')),
        wrong: turn.range<string>('wrong').map(([, words]) => words),
      });
    },
  },
  replied(_memory, tag, value, turn) {
    count(turn, 'confirmed', tag);
    if (value !== tag) turn.put('wrong', `reply ${tag}`, `${tag}: the reply is ${String(value)}`);
    if (mishap()) throw new Error('a mishap');
  },
});

function count(turn: Turn, table: string, id: string): void {
  turn.put(table, id, (turn.get<number>(table, id) ?? 0) + 1);
}

/** Accounts where some turns throw, as often as `mishap` says; what they did until then must not stay. */
export const flakyAccount = (mishap: () => boolean): AnyBehaviour => behaviour(Account, turnsOf(mishap));

export const account = flakyAccount(() => false);
