/** What a message holds besides its text, as words in a terminal. */
import { isGroupId, isUserId } from '../../proto/decode.ts';
import {
  type Card,
  type ConversationId,
  clientLimits,
  type MessageEvent,
  type Place,
  type SentFile,
  type UserId,
} from '../../proto/words.ts';
import { shortened } from './text.ts';

const quote_chars = 40;
const degree = 10_000_000;

/** All of a message in one text. */
export function contentWords({ body, more = {} }: Pick<MessageEvent, 'body' | 'more'>): string {
  const { reply, forwarded, place, card, file, vanish } = more;
  return [
    reply && `[to ${reply.from}: ${shortened(reply.quote, quote_chars)}]`,
    forwarded && '[forwarded]',
    // Otherwise the conversation's own words have said so.
    vanish?.afterMs === 0 && '[to be seen once]',
    body,
    place && `[place ${placeWords(place)}]`,
    card && `[card ${cardWords(card)}]`,
    file && fileWords(file),
  ]
    .filter((words) => typeof words === 'string' && words !== '')
    .join(' ');
}

export function placeWords({ name, north, east }: Place): string {
  const degrees = `${(north / degree).toFixed(5)}, ${(east / degree).toFixed(5)}`;
  return name === '' ? degrees : `${name.replaceAll('\n', ' / ')} ${degrees}`;
}

/** `48.13743 11.57549 Marienplatz`; undefined where that is no place on the earth. */
export function placeIn(text: string): Place | undefined {
  const [, north = '', east = '', name = ''] =
    /^(-?\d{1,2}(?:\.\d+)?)[,\s]\s*(-?\d{1,3}(?:\.\d+)?)(?:\s+(.*))?$/.exec(text) ?? [];
  const isThere = north !== '' && Math.abs(Number(north)) <= 90 && Math.abs(Number(east)) <= 180;
  const units = (degrees: string): number => Math.round(Number(degrees) * degree);
  return isThere ? { north: units(north), east: units(east), name } : undefined;
}

function cardWords({ name, user, phone, email }: Card): string {
  return [name, user, phone, email].filter((text, at, all) => text !== '' && all.indexOf(text) === at).join(', ');
}

/** `Bob Miller bob bob@example.org +49 170 1234` in any order of what there is: a user is told by its @. */
export function cardIn(text: string): Card | undefined {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const user = words.find((word) => word.startsWith('@') && isUserId(word.slice(1))) ?? '';
  const email = words.find((word) => /^[^@]+@[^@]+$/.test(word)) ?? '';
  const phone = words.filter((word) => /^[+(]?\d[\d()./-]*$/.test(word)).join(' ');
  const known = new Set([user, email, ...phone.split(' ')]);
  const name = words.filter((word) => !known.has(word)).join(' ');
  const card = { name: name === '' ? user.slice(1) : name, user: user.slice(1), phone, email };
  return card.name === '' ? undefined : card;
}

/** Users that a message to a group names by `@NAME`. */
export function mentionsIn(text: string, to: ConversationId): UserId[] {
  if (!isGroupId(to)) return [];
  const names = Array.from(text.matchAll(/(?<![\w@])@([a-z0-9._-]*[a-z0-9])/g), ([, name = '']) => name);
  return [...new Set(names.filter((name) => isUserId(name)))].slice(0, clientLimits.mentions_max);
}

function fileWords({ kind, name, bytes, width, height }: SentFile): string {
  const size = width === undefined ? '' : `${width} × ${height}, `;
  return `[${kind} ${name}, ${size}${sizeWords(bytes)}]`;
}

export function sizeWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
