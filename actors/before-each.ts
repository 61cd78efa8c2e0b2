import type { MailOf, Protocol, Turn, Turns } from '../runtime/index.ts';

/** The same turns, each after `before`, which may also take the mail for itself by answering false. */
export function beforeEach<P extends Protocol, S>(
  before: (memory: S, mail: MailOf<P>, turn: Turn) => boolean,
  turns: Turns<P, S>,
): Turns<P, S> {
  type Handler = (memory: S, mail: MailOf<P>, turn: Turn) => void;
  const wrapped = Object.entries(turns as { readonly [kind: string]: Handler }).map(([kind, handler]) => {
    const both: Handler = (memory, mail, turn) => {
      if (before(memory, mail, turn)) handler(memory, mail, turn);
    };
    return [kind, both];
  });
  return Object.fromEntries(wrapped) as Turns<P, S>;
}
