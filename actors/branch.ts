/**
 * A group's branch: its deputy in one partition that holds members. It keeps the log once for all of them, passes each entry on, and gathers how
 * far they have got.
 *
 * | table | key | row |
 * |---|---|---|
 * | log | seq | GroupEntry |
 * | head | '' | number of the newest entry |
 * | member | user | number of the entry that brought it |
 * | edit | seq | number of the entry with the newest text of a message |
 * | mark | user | MemberMark that the group is to be told |
 */
import type { AmendedEntry, BranchProtocol, MemberMark } from '../proto/group-mail.ts';
import type { GroupId, UserId } from '../proto/words.ts';
import { type AnyBehaviour, behaviour, type MailOf, type Turn } from '../runtime/index.ts';
import { blank } from './group-events.ts';
import { Branch, Group, User } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';
import { numberKey } from './numbers.ts';
import { cameBy, soon } from './soon.ts';

type Mail<K extends keyof BranchProtocol> = Extract<MailOf<BranchProtocol>, { kind: K }>;

interface BranchMemory {
  readonly limits: MessengerLimits;
  readonly group: GroupId;
  readonly members: Set<UserId>;
  /** A timer is set to tell the group of marks. */
  telling: boolean;
}

export function branchBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<BranchProtocol, BranchMemory>(Branch, {
    wake: (turn) => ({
      limits,
      group: turn.self.slice(turn.self.lastIndexOf('/') + 1),
      members: new Set(turn.range<number>('member').map(([user]) => user)),
      telling: false,
    }),
    turns: { entry: takeEntry, mark: takeMark, typing, tellMarks },
  });
}

function takeEntry(branch: BranchMemory, { seq, entry, enter = [], leave = [] }: Mail<'entry'>, turn: Turn): void {
  turn.put('log', numberKey(seq), entry);
  turn.put('head', seq);
  if (entry[0] === 'amended') noteAmendment(turn, seq, entry);
  else if (entry[0] === 'vanished') {
    blank(turn, entry[5], true);
    for (const message of entry[4]) forgetEdits(turn, message.seq);
  }
  const isHere = (user: UserId): boolean => turn.partitionOf(User.ref(user)) === turn.partition;
  const entering = new Set(enter.filter(isHere));
  const leaving = new Set(leave.filter((user) => branch.members.has(user)));
  for (const user of entering) {
    branch.members.add(user);
    turn.put('member', user, seq);
  }
  const mail = { kind: 'entry', group: branch.group, seq, entry, enters: false, leaves: false } as const;
  for (const user of branch.members) {
    const enters = entering.has(user);
    const leaves = leaving.has(user);
    // One object for all whom it means the same to: the record then holds it once.
    turn.tell(User.ref(user), enters || leaves ? { ...mail, enters, leaves } : mail);
  }
  for (const user of leaving) {
    branch.members.delete(user);
    turn.delete('member', user);
  }
}

/** Members look here for what a message says now. */
function noteAmendment(turn: Turn, seq: number, [, , , , of, deed, forgets]: AmendedEntry): void {
  blank(turn, forgets);
  if (deed.what === 'edit') turn.put('edit', numberKey(of.seq), seq);
  else if (deed.what === 'retract') forgetEdits(turn, of.seq);
}

function forgetEdits(turn: Turn, seq: number): void {
  if (turn.get<number>('edit', numberKey(seq)) !== undefined) turn.delete('edit', numberKey(seq));
}

/** A member has got further. */
function takeMark(branch: BranchMemory, { mark }: Mail<'mark'>, turn: Turn): void {
  const [user] = mark;
  if (!branch.members.has(user)) return;
  turn.put('mark', user, mark);
  if (branch.telling) return;
  branch.telling = true;
  soon(turn, branch.limits.group_marks_ms, { kind: 'tellMarks' });
}

function tellMarks(branch: BranchMemory, _: Mail<'tellMarks'>, turn: Turn): void {
  branch.telling = false;
  cameBy(turn, 'tellMarks');
  const rows = turn.range<MemberMark>('mark');
  for (const [user] of rows) turn.delete('mark', user);
  if (rows.length === 0) return;
  turn.tell(Group.ref(branch.group), { kind: 'marks', marks: rows.map(([, mark]) => mark) });
}

function typing(branch: BranchMemory, typed: Mail<'typing'>, turn: Turn): void {
  const mail = { ...typed, kind: 'groupTyping', group: branch.group } as const;
  for (const user of branch.members) if (user !== typed.from) turn.whisper(User.ref(user), mail);
}
