/** Actors for tests of mail between neighbours, and to many. */
import { type AnyBehaviour, actorKind, behaviour } from '../../runtime/index.ts';
import { type act, List } from './ledger.ts';

type FanProtocol = { out: { mail: { readonly keys: readonly string[] }; reply: never } };
export const Fan = actorKind<FanProtocol>('fan');

/** Tells the same to many. */
export function fan(body: ReturnType<typeof act>): AnyBehaviour {
  return behaviour<FanProtocol, object>(Fan, {
    wake: () => ({}),
    turns: {
      out(_, { keys }, turn) {
        for (const key of keys) turn.tell(List.ref(key), body);
      },
    },
  });
}

type PeekerProtocol = { look: { mail: { readonly at: string }; reply: string | undefined } };
export const Peeker = actorKind<PeekerProtocol>('peeker');

/** Says what the first word of a list is. */
export function peeker(): AnyBehaviour {
  return behaviour<PeekerProtocol, object>(Peeker, {
    wake: () => ({}),
    turns: { look: (_, { at }, turn) => turn.reply(turn.peek<string>({ address: at }, 'words', '000001')) },
  });
}
