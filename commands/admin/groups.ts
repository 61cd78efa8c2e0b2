/** Groups. Their ids begin with `#`, which a shell takes for a comment: it may be left out. */
import { UsageError } from '../options.ts';
import { gather, sayActors } from './actors.ts';
import type { Errand } from './connect.ts';
import { duration, time } from './table.ts';

/** Those whose id begins so. */
export async function groups(errand: Errand): Promise<number> {
  const { client, words } = errand;
  const [prefix = ''] = words;
  const list = await gather(errand, async (at) => {
    const { groups: found, next } = await client.call('ListGroups', { prefix, ...at });
    return { list: found, next };
  });
  sayActors(errand, list);
  return 0;
}

export async function group({ client, terminal, json, words }: Errand): Promise<number> {
  const [id] = words;
  if (id === undefined) throw new UsageError('Which group? ringpost admin groups lists them.');
  const found = await client.call('GetGroup', { group: id });
  if (json) {
    terminal.say(JSON.stringify(found, null, 2));
    return 0;
  }
  const { title, about, redacted, members, roles, owners, head, lastAt, announce, shared, vanishAfterMs } = found;
  const modes = [
    announce ? 'only admins may send' : 'all may send',
    shared ? 'newcomers see what was before' : 'newcomers see nothing of before',
    vanishAfterMs === 0 ? 'messages stay' : `messages vanish after ${duration(vanishAfterMs)}`,
  ];
  terminal.say(`${found.group}: ${title}
  ${about || '(no description)'}
  ${members} members: owned by ${owners.join(', ') || 'nobody'}, ${roles.admin} admins, ${roles.member} others; ${found.asked} are being asked, ${found.links} links
  ${modes.join('; ')}
  ${head} entries in its log, the last of ${time(lastAt)}
  lives in partition ${found.partition} on ${found.node}`);
  if (redacted) terminal.tell('Title and description are redacted: admins see them.');
  return 0;
}
