/** What a person does with groups in a chat. Each rejects with the errors of the client's `groups`. */
import { isGroupId, isUserId } from '../../proto/decode.ts';
import type { GroupId, UserId } from '../../proto/words.ts';
import type { Command } from './commands.ts';
import type { Talk } from './talk.ts';

export const groupCommands: { readonly [name: string]: Command } = {
  '/group': { usage: '/group TITLE', does: 'make a group and write to it', run: make },
  '/members': { usage: '/members', does: 'who is in the group', run: members },
  '/add': { usage: '/add NAME …', does: 'add people to the group', run: add },
  '/remove': { usage: '/remove NAME …', does: 'remove people from the group', run: remove },
  '/admin': { usage: '/admin NAME', does: 'make somebody an admin of the group', run: appoint },
  '/unadmin': { usage: '/unadmin NAME', does: 'an admin of the group is none any more', run: dismiss },
  '/describe': { usage: '/describe TEXT', does: 'what the group is about', run: describe },
  '/announce': { usage: '/announce on|off', does: 'only admins may write in the group, or everybody', run: announce },
  '/rename': { usage: '/rename TITLE', does: 'rename the group', run: retitle },
  '/invite': { usage: '/invite', does: 'an invitation to the group, for whoever gets it', run: invite },
  '/join': { usage: '/join INVITATION', does: 'come into a group', run: join },
  '/leave': { usage: '/leave', does: 'leave the group', run: leave },
};

async function make(talk: Talk, title: string): Promise<void> {
  if (title === '') {
    talk.screen.alert('How is the group to be called? /group TITLE');
    return;
  }
  const group = await talk.client.groups.create(title);
  talk.rooms.learn(group, title);
  await talk.turnTo(group);
  talk.screen.note('Nobody else is in it yet: /add NAME …, or /invite.');
}

/** The group that is open; says so where none is. */
function here(talk: Talk): GroupId | undefined {
  const { partner } = talk;
  if (partner !== undefined && isGroupId(partner)) return partner;
  talk.screen.alert('In which group? /to #TITLE first, or /group TITLE makes one.');
  return undefined;
}

async function members(talk: Talk): Promise<void> {
  const group = here(talk);
  if (group === undefined) return;
  const lines: string[] = [];
  let after = '';
  do {
    const page = await talk.client.groups.members(group, { after });
    for (const { user, role } of page.list) lines.push(role === 'member' ? user : `${user}  ${role}`);
    after = page.next;
  } while (after !== '');
  talk.screen.answer(lines);
}

async function add(talk: Talk, argument: string): Promise<void> {
  const group = here(talk);
  const users = group === undefined ? undefined : namesIn(talk, argument, '/add');
  if (group !== undefined && users !== undefined) await talk.client.groups.add(group, users);
}

async function remove(talk: Talk, argument: string): Promise<void> {
  const group = here(talk);
  const users = group === undefined ? undefined : namesIn(talk, argument, '/remove');
  if (group === undefined || users === undefined) return;
  await talk.client.groups.remove(group, users);
  talk.screen.note(`Removed: ${users.join(', ')}.`);
}

/** Undefined, and said, where they can't be names. */
function namesIn(talk: Talk, argument: string, command: string): readonly UserId[] | undefined {
  const names = argument.split(/[\s,]+/).filter((name) => name !== '');
  const bad = names.find((name) => !isUserId(name));
  if (names.length > 0 && bad === undefined) return names;
  talk.screen.alert(bad === undefined ? `Whom? ${command} NAME …` : `"${bad}" can't be a name.`);
  return undefined;
}

async function appoint(talk: Talk, argument: string): Promise<void> {
  const group = here(talk);
  const [user] = (group === undefined ? undefined : namesIn(talk, argument, '/admin')) ?? [];
  if (group === undefined || user === undefined) return;
  await talk.client.groups.appoint(group, user, 'admin');
  talk.screen.note(`${user} is an admin.`);
}

async function dismiss(talk: Talk, argument: string): Promise<void> {
  const group = here(talk);
  const [user] = (group === undefined ? undefined : namesIn(talk, argument, '/unadmin')) ?? [];
  if (group === undefined || user === undefined) return;
  await talk.client.groups.appoint(group, user, 'member');
  talk.screen.note(`${user} is no admin any more.`);
}

async function describe(talk: Talk, about: string): Promise<void> {
  const group = here(talk);
  if (group === undefined) return;
  await talk.client.groups.describe(group, about);
  talk.screen.note(about === '' ? 'The group has no description any more.' : `The group is about: ${about}`);
}

/** Both modes are said together, so the other one is asked for first. */
async function announce(talk: Talk, argument: string): Promise<void> {
  const group = here(talk);
  if (group === undefined) return;
  if (argument !== 'on' && argument !== 'off') {
    talk.screen.alert('Only admins, or everybody? /announce on, or /announce off');
    return;
  }
  const { shared } = await talk.client.groups.members(group, { limit: 1 });
  await talk.client.groups.setMode(group, { announce: argument === 'on', shared });
  talk.screen.note(argument === 'on' ? 'Only admins may write here now.' : 'Everybody may write here now.');
}

async function retitle(talk: Talk, title: string): Promise<void> {
  const group = here(talk);
  if (group === undefined) return;
  if (title === '') {
    talk.screen.alert('How is the group to be called? /rename TITLE');
    return;
  }
  await talk.client.groups.retitle(group, title);
  talk.rooms.learn(group, title);
  talk.screen.heading(`The group is called ${title}`);
}

async function invite(talk: Talk): Promise<void> {
  const group = here(talk);
  if (group !== undefined) talk.screen.answer([`/join ${await talk.client.groups.invite(group)}`]);
}

async function join(talk: Talk, invitation: string): Promise<void> {
  if (invitation === '') {
    talk.screen.alert('By which invitation? /join INVITATION');
    return;
  }
  const group = await talk.client.groups.join(invitation);
  await talk.meetGroup(group);
  await talk.turnTo(group);
}

async function leave(talk: Talk): Promise<void> {
  const group = here(talk);
  if (group === undefined) return;
  await talk.client.groups.leave(group);
  talk.screen.note(`You have left ${talk.rooms.nameOf(group)}.`);
  talk.left();
}
