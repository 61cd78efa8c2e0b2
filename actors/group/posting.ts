/** Messages and deeds of members: what each role may do, and the entries that come of it. */
import type { GroupProtocol } from '../../proto/group-mail.ts';
import type { GroupChange } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { holdFile } from '../holding.ts';
import { numberKey } from '../numbers.ts';
import { optional } from '../tuples.ts';
import { fadeAt, withTimer } from '../vanish.ts';
import type { Deed } from './deed.ts';
import { ask, invite, leave, remove } from './joining.ts';
import { joinBy, makeLink, unlink } from './links.ts';
import { deny, done, type GroupMemory, saveMember, sequence, stampOf } from './memory.ts';
import { setPicture } from './picture.ts';
import type { AboutRow, Member } from './rows.ts';
import { timerFor } from './vanishing.ts';

type Mail<K extends keyof GroupProtocol> = Extract<MailOf<GroupProtocol>, { kind: K }>;

export function post(group: GroupMemory, { id, from, body, more }: Mail<'post'>, turn: Turn): void {
  const member = group.members.get(from);
  if (group.about === undefined) deny(group, turn, from, id, 'unknown_group');
  else if (member === undefined) deny(group, turn, from, id, 'not_a_member');
  else if (group.about.announce && member.role === 'member') deny(group, turn, from, id, 'announcements_only');
  else {
    const at = stampOf(group, turn);
    const vanish = timerFor(group.about, more);
    const kept = withTimer(more, vanish);
    member.last = sequence(group, turn, ['message', id, from, at, body, ...optional(kept)]);
    holdFile(turn, kept?.file?.id, numberKey(member.last));
    if (vanish !== undefined) fadeAt(turn, at + vanish.afterMs, member.last);
    if (member.own.length >= group.limits.group_own_max) member.own.splice(0, member.own.length / 2);
    member.own.push(member.last);
    saveMember(turn, from, member);
  }
}

export function arrange(group: GroupMemory, mail: Mail<'arrange'>, turn: Turn): void {
  const { id, from, deed } = mail;
  const { what } = deed;
  if (what === 'create') {
    create(group, turn, { id, from, deed });
    return;
  }
  if (group.about === undefined) {
    deny(group, turn, from, id, 'unknown_group');
    return;
  }
  const member = group.members.get(from);
  if (what === 'join') joinBy(group, turn, { id, from, deed });
  else if (member === undefined) deny(group, turn, from, id, 'not_a_member');
  else if (what === 'leave') leave(group, turn, from, id);
  else if (member.role === 'member') deny(group, turn, from, id, 'not_an_admin');
  else byAdmin(group, turn, { id, from, deed }, member, group.about);
}

function byAdmin(group: GroupMemory, turn: Turn, of: Deed, member: Member, about: AboutRow): void {
  const { id, from, deed } = of;
  switch (deed.what) {
    case 'title':
      change(group, turn, of, { ...about, title: deed.title }, { what: 'titled', title: deed.title });
      break;
    case 'about':
      change(group, turn, of, { ...about, about: deed.about }, { what: 'described', about: deed.about });
      break;
    case 'mode': {
      const { announce, shared } = deed;
      change(group, turn, of, { ...about, announce, shared }, { what: 'mode', announce, shared });
      break;
    }
    case 'picture':
      setPicture(group, turn, { id, from, deed }, about);
      break;
    case 'vanish': {
      const { afterMs } = deed;
      change(group, turn, of, { ...about, vanishMs: afterMs }, { what: 'vanishing', afterMs });
      break;
    }
    case 'add':
      invite(group, turn, { id, from, deed });
      break;
    case 'remove':
      remove(group, turn, { id, from, deed });
      break;
    case 'role':
      give(group, turn, { id, from, deed }, member);
      break;
    case 'link':
      makeLink(group, turn, { id, from, deed });
      break;
    case 'unlink':
      unlink(group, turn, { id, from, deed });
      break;
    case 'create':
    case 'join':
    case 'leave':
    // These are no admin's.
  }
}

/** The number of a new group is its alone, so it can't be there already. */
function create(group: GroupMemory, turn: Turn, { id, from, deed }: Deed<'create'>): void {
  const { title, about, users } = deed;
  group.about = { title, about, announce: false, shared: false, vanishMs: 0 };
  turn.put('about', group.about);
  const at = stampOf(group, turn);
  sequence(group, turn, ['group', id, from, at, { what: 'created', title, about }], { enter: [from] });
  ask(group, turn, from, users);
}

function change(group: GroupMemory, turn: Turn, { id, from }: Deed, to: AboutRow, words: GroupChange): void {
  const { about: before } = group;
  const same =
    before !== undefined && Object.entries(to).every(([name, value]) => before[name as keyof AboutRow] === value);
  if (same) {
    done(group, turn, from, id);
    return;
  }
  group.about = to;
  turn.put('about', to);
  sequence(group, turn, ['group', id, from, stampOf(group, turn), words]);
}

/** A group has one owner: who makes another one is an admin from then on. */
function give(group: GroupMemory, turn: Turn, { id, from, deed }: Deed<'role'>, giver: Member): void {
  const { user, role } = deed;
  const taker = group.members.get(user);
  if (taker === undefined) deny(group, turn, from, id, 'not_a_member');
  else if (taker.role === role) done(group, turn, from, id);
  else if (taker.role === 'owner' || (role === 'owner' && giver.role !== 'owner')) {
    deny(group, turn, from, id, 'unauthorised');
  } else {
    if (role === 'owner') {
      giver.role = 'admin';
      saveMember(turn, from, giver);
    }
    taker.role = role;
    saveMember(turn, user, taker);
    sequence(group, turn, ['group', id, from, stampOf(group, turn), { what: 'role', user, role }]);
  }
}
