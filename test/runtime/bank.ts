/** Accounts that send each other money, and keep enough of a ledger to tell a loss, a duplicate or a wrong order afterwards. */
import { type AnyBehaviour, actorKind, type Behaviour, behaviour } from '../../runtime/index.ts';

export interface Statement {
  readonly balance: number;
  /** Ids of transfers out, and how often each was carried out. */
  readonly out: { readonly [id: string]: number };
  /** Ids of transfers in, and how often each came. */
  readonly in: { readonly [id: string]: number };
  /** Words about what must never happen. */
  readonly wrong: readonly string[];
}

export const opening_balance = 1_000;

type AccountProtocol = {
  send: { mail: { to: string; amount: number; id: string }; reply: number };
  credit: { mail: { amount: number; id: string; number: number }; reply: never };
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
        turn.tell(Account.ref(to), { kind: 'credit', amount, id, number });
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
      turn.put('in', id, (turn.get<number>('in', id) ?? 0) + 1);
      if (mishap()) throw new Error('a mishap');
    },
    balance: (memory, _mail, turn) => turn.reply(memory.balance),
    statement(memory, _mail, turn) {
      turn.reply({
        balance: memory.balance,
        out: Object.fromEntries(turn.range<number>('out')),
        in: Object.fromEntries(turn.range<number>('in')),
        wrong: turn.range<string>('wrong').map(([, words]) => words),
      });
    },
  },
});

/** Accounts where some turns throw, as often as `mishap` says; what they did until then must not stay. */
export const flakyAccount = (mishap: () => boolean): AnyBehaviour => behaviour(Account, turnsOf(mishap));

export const account = flakyAccount(() => false);
