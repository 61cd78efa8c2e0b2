/** An actor that keeps the ids it was given, in order: what was acknowledged must be in it, once. */
import { actorKind, behaviour } from '../../runtime/index.ts';

export const Ledger = actorKind<{
  enter: { mail: { readonly id: string }; reply: number };
  /** At most 1,000 entries after the `after`th. */
  list: { mail: { readonly after: number }; reply: readonly string[] };
}>('ledger');

export const ledger = behaviour(Ledger, {
  wake: (turn) => ({ count: turn.get<number>('count') ?? 0 }),
  turns: {
    enter(state, { id }, turn) {
      state.count += 1;
      turn.put('count', state.count);
      turn.put('entry', rowOf(state.count), id);
      turn.reply(state.count);
    },
    list(_state, { after }, turn) {
      turn.reply(turn.range<string>('entry', { from: rowOf(after + 1), limit: 1_000 }).map(([, id]) => id));
    },
  },
});

function rowOf(count: number): string {
  return String(count).padStart(9, '0');
}
