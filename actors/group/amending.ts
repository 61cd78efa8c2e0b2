/** Messages of a group that are edited, taken back and reacted to: entries of its log like all that happens in it. */
import type { AmendedEntry, GroupEntry, GroupProtocol, GroupRefusal } from '../../proto/group-mail.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { amendmentsOf, noteEdit, noteReaction, noteRetraction, reactionOf } from '../amendments.ts';
import { blank } from '../group-events.ts';
import { numberKey } from '../numbers.ts';
import { addPin, pinnedAt, pinnedIn, unpin } from '../pins.ts';
import { releaseFiles } from './files.ts';
import { deny, done, type GroupMemory, sequence, stampOf } from './memory.ts';
import type { AboutRow, Member } from './rows.ts';

type Mail<K extends keyof GroupProtocol> = Extract<MailOf<GroupProtocol>, { kind: K }>;

export function amend(group: GroupMemory, mail: Mail<'amend'>, turn: Turn): void {
  const { id, from } = mail;
  const member = group.members.get(from);
  if (group.about === undefined) deny(group, turn, from, id, 'unknown_group');
  else if (member === undefined) deny(group, turn, from, id, 'not_a_member');
  else {
    const objection = objectionTo(group, turn, member, group.about, mail);
    if (objection !== undefined) deny(group, turn, from, id, objection);
    else if (isNews(turn, mail)) carryOut(group, turn, mail);
    else done(group, turn, from, id);
  }
}

function objectionTo(
  group: GroupMemory,
  turn: Turn,
  member: Member,
  about: AboutRow,
  { from, of, deed }: Mail<'amend'>,
): GroupRefusal | undefined {
  const place = numberKey(of.seq);
  const message = turn.get<GroupEntry>('log', place);
  const isVisible = about.shared || of.seq >= member.since;
  if (message?.[0] !== 'message' || message[2] !== of.from || !isVisible) return 'unknown_message';
  const { retracted, edits, counts } = amendmentsOf(turn, place);
  const { edit_ms, retract_ms, edits_max, reactions_max, pins_max } = group.limits;
  const isAuthor = of.from === from;
  const age = turn.now - message[3];
  switch (deed.what) {
    case 'edit':
      if (!isAuthor) return 'not_the_author';
      if (retracted > 0) return 'retracted';
      return age > edit_ms || edits.length >= edits_max ? 'too_late' : undefined;
    case 'retract':
      if (!isAuthor && member.role === 'member') return 'not_the_author';
      return retracted === 0 && age > retract_ms ? 'too_late' : undefined;
    case 'pin': {
      if (member.role === 'member') return 'not_an_admin';
      if (retracted > 0) return 'retracted';
      const isNew = deed.on && pinnedAt(turn, place) === 0;
      return isNew && pinnedIn(turn).length >= pins_max ? 'too_many_pins' : undefined;
    }
    case 'react': {
      if (retracted > 0) return 'retracted';
      const isNew = deed.text !== '' && !counts.some(([text]) => text === deed.text);
      return isNew && counts.length >= reactions_max ? 'too_many_reactions' : undefined;
    }
  }
}

function isNews(turn: Turn, { from, of, deed }: Mail<'amend'>): boolean {
  const place = numberKey(of.seq);
  if (deed.what === 'react') return deed.text !== reactionOf(turn, place, from);
  if (deed.what === 'pin') return deed.on !== pinnedAt(turn, place) > 0;
  return deed.what === 'edit' || amendmentsOf(turn, place).retracted === 0;
}

function carryOut(group: GroupMemory, turn: Turn, { id, from, of, deed }: Mail<'amend'>): void {
  const place = numberKey(of.seq);
  const at = stampOf(group, turn);
  const forgets = deed.what === 'retract' ? [of.seq, ...amendmentsOf(turn, place).edits] : [];
  const entry: AmendedEntry = ['amended', id, from, at, of, deed, forgets];
  const seq = sequence(group, turn, entry);
  if (deed.what === 'edit') noteEdit(turn, place, at, seq);
  else if (deed.what === 'react') noteReaction(turn, place, from, deed.text);
  else if (deed.what === 'pin') {
    if (deed.on) addPin(turn, place, { by: from, at }, 0, seq);
    else unpin(turn, place);
  } else {
    releaseFiles(turn, forgets);
    blank(turn, forgets);
    noteRetraction(turn, place, at);
  }
}
