/** The desk: one word that came over HTTP, on its way to its user and back. It stands where a connection does, for one answer. */
import type { DeskProtocol } from '../proto/builder-mail.ts';
import { refused } from '../proto/refusals.ts';
import type { ClientWord, ServerWord } from '../proto/words.ts';
import { type AnyBehaviour, behaviour, type MailOf, type ReplyTo, type Turn } from '../runtime/index.ts';
import { Desk, User } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';

type Mail<K extends keyof DeskProtocol> = Extract<MailOf<DeskProtocol>, { kind: K }>;

interface DeskMemory {
  readonly limits: MessengerLimits;
  waiting: { readonly asker: ReplyTo; readonly word: ClientWord } | undefined;
}

/** Words that nothing answers. */
const unanswered: ReadonlySet<ClientWord['kind']> = new Set(['read', 'typing']);

export function deskBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<DeskProtocol, DeskMemory>(Desk, {
    wake: () => ({ limits, waiting: undefined }),
    mayRest: ({ waiting }) => waiting === undefined,
    turns: { word, say, news: say, end, late },
  });
}

function word(desk: DeskMemory, { claims, word }: Mail<'word'>, turn: Turn): void {
  if (turn.asker === undefined || desk.waiting !== undefined) return;
  turn.whisper(User.ref(claims.user), { kind: 'aside', desk: turn.self, claims, word });
  desk.waiting = { asker: turn.asker, word };
  if (unanswered.has(word.kind)) answer(desk, null, turn);
  else turn.later(desk.limits.desk_wait_ms, { kind: 'late' });
}

function say(desk: DeskMemory, { words }: Mail<'say'> | Mail<'news'>, turn: Turn): void {
  for (const word of words) if (isAnswer(desk, word)) answer(desk, word, turn);
}

/** A word that names what was said; all else is what any connection is told. */
function isAnswer({ waiting }: DeskMemory, said: ServerWord): boolean {
  if (waiting === undefined) return false;
  const { word } = waiting;
  if ('req' in word) return 'req' in said && said.req === word.req;
  return 'id' in word && 'id' in said && said.id === word.id && (said.kind === 'accepted' || said.kind === 'refused');
}

function end(desk: DeskMemory, { last }: Mail<'end'>, turn: Turn): void {
  if (desk.waiting !== undefined) answer(desk, last ?? refused('unauthorised'), turn);
}

function late(_: DeskMemory, __: Mail<'late'>, turn: Turn): void {
  leave(turn);
}

function answer(desk: DeskMemory, said: ServerWord | null, turn: Turn): void {
  if (desk.waiting === undefined) return;
  if (said?.kind === 'refused') turn.count('refusals', said.code);
  turn.replyTo(desk.waiting.asker, said);
  desk.waiting = undefined;
  leave(turn);
}

function leave(turn: Turn): void {
  const [, user = ''] = turn.self.split('/');
  turn.whisper(User.ref(user), { kind: 'detach', connection: turn.self });
  turn.sleep();
}
