/** An actor for the engine's unit tests: a list of words, told what to do by its mail. */
import { type AnyBehaviour, actorKind, behaviour } from '../../runtime/index.ts';

export interface Act {
  /** Adds a word to the list. */
  readonly add?: string;
  /** Tells this word to another actor. */
  readonly tell?: readonly [key: string, word: string];
  readonly whisper?: readonly [key: string, word: string];
  readonly ask?: readonly [key: string, word: string];
  readonly timer?: readonly [name: string, atMs: number, word: string];
  readonly clear?: string;
  readonly later?: readonly [ms: number, word: string];
  readonly push?: string;
  readonly signal?: readonly [name: string, value: unknown];
  /** Replies with this instead of the list. */
  readonly reply?: unknown;
  readonly sleep?: boolean;
  readonly count?: readonly [name: string, label: string, by: number];
  /** Throws after all of the above, as long as `throwing` has it. */
  readonly fail?: string;
}

type ListProtocol = {
  act: { mail: Act; reply: unknown };
  list: { mail: object; reply: readonly string[] };
  /** Replies what memory holds, which nothing but turns that stayed may have changed. */
  memory: { mail: object; reply: readonly string[] };
};

export const List = actorKind<ListProtocol>('list');

interface Memory {
  words: string[];
}

/** Failures that still happen, by their name; how often each has happened. */
export interface Failures {
  readonly throwing: Set<string>;
  readonly thrown: Map<string, number>;
}

export function failures(...names: readonly string[]): Failures {
  return { throwing: new Set(names), thrown: new Map() };
}

export const outlet = { node: 'n1', incarnation: 'x', id: 5 };

export function list(failing: Failures = failures()): AnyBehaviour {
  return behaviour<ListProtocol, Memory>(List, {
    wake: (turn) => ({ words: turn.range<string>('words').map(([, word]) => word) }),
    turns: {
      act(memory, act, turn) {
        if (act.add !== undefined) {
          memory.words.push(act.add);
          turn.put('words', String(memory.words.length).padStart(6, '0'), act.add);
        }
        if (act.tell) turn.tell(List.ref(act.tell[0]), { kind: 'act', add: act.tell[1] });
        if (act.whisper) turn.whisper(List.ref(act.whisper[0]), { kind: 'act', add: act.whisper[1] });
        if (act.ask) turn.ask(List.ref(act.ask[0]), { kind: 'act', add: act.ask[1], reply: act.ask[1] }, act.ask[1]);
        if (act.timer)
          turn.setTimer(act.timer[0], act.timer[1], { kind: 'act', add: act.timer[2] } as { kind: string });
        if (act.clear !== undefined) turn.clearTimer(act.clear);
        if (act.later) turn.later(act.later[0], { kind: 'act', add: act.later[1] } as { kind: string });
        if (act.push !== undefined) turn.push(outlet, act.push);
        if (act.signal) turn.signal(...act.signal);
        if (act.count) turn.count(...act.count);
        turn.reply('reply' in act ? act.reply : memory.words.length);
        if (act.sleep === true) turn.sleep();
        if (act.fail !== undefined && failing.throwing.has(act.fail)) {
          failing.thrown.set(act.fail, (failing.thrown.get(act.fail) ?? 0) + 1);
          throw new Error(`told to fail: ${act.fail}`);
        }
      },
      list: (_memory, _mail, turn) => turn.reply(turn.range<string>('words').map(([, word]) => word)),
      memory: (memory, _mail, turn) => turn.reply([...memory.words]),
    },
    replied(memory, tag, value, turn) {
      const word = `${tag}:${String(value)}`;
      memory.words.push(word);
      turn.put('words', String(memory.words.length).padStart(6, '0'), word);
    },
  });
}

/** Mail that does this. */
export function act(what: Act): { readonly kind: 'act' } & Act {
  return { kind: 'act', ...what };
}
