import { isUserId } from '../../proto/decode.ts';
import type { ConversationId, MessageEvent } from '../../proto/words.ts';
import { suggestion } from './options.ts';
import type { Talk } from './talk.ts';

/** The conversation that a person means by a name, or by `#TITLE` of a group. Undefined, and said, where it can be none. */
export async function whom(talk: Talk, name: string): Promise<ConversationId | undefined> {
  if (name.startsWith('#')) {
    await talk.groupsKnown;
    const group = talk.rooms.find(name);
    if (group === undefined) talk.screen.alert(`You are in no group ${name}. /who lists them.`);
    return group;
  }
  if (!isUserId(name)) talk.screen.alert(`"${name}" can't be a name.${suggestion(name)}`);
  else if (name === talk.client.user) talk.screen.alert('You cannot write to yourself.');
  else return name;
  return undefined;
}

/** The last message of somebody else in the open conversation; says so where there is none. */
export function theirs(talk: Talk): MessageEvent | undefined {
  if (talk.lastTheirs === undefined) talk.screen.alert('Nobody else has written here yet.');
  return talk.lastTheirs;
}
