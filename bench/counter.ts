/** The actors that the runtime alone is measured with. */
import { actorKind, behaviour, type ReplyTo } from '../runtime/index.ts';

export type CounterWords = {
  add: { mail: { by: number }; reply: number };
  read: { mail: object; reply: number };
};
export const Counter = actorKind<CounterWords>('counter');

/** Answers with its new total when that is durable. */
export const counter = behaviour(Counter, {
  wake: (turn) => ({ total: turn.get<number>('total') ?? 0 }),
  turns: {
    add(state, { by }, turn) {
      state.total += by;
      turn.put('total', state.total);
      turn.reply(state.total);
    },
    read(state, _mail, turn) {
      turn.reply(state.total);
    },
  },
});

export type RelayWords = {
  add: { mail: { to: string; by: number }; reply: number };
};
export const Relay = actorKind<RelayWords>('relay');

/** Asks a counter of another partition, durably, and answers its own asker when that has answered. */
export const relay = behaviour(Relay, {
  wake: () => ({}),
  turns: {
    add(_state, { to, by }, turn) {
      turn.ask(Counter.ref(to), { kind: 'add', by }, JSON.stringify(turn.asker));
    },
  },
  replied(_state, tag, value, turn) {
    turn.replyTo(JSON.parse(tag) as ReplyTo, value);
  },
});
