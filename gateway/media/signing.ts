/** Addresses of files: good for one user and some minutes, for whoever has them, so that a page can show an image by its address alone. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { isUserId } from '../../proto/decode.ts';
import { isFileId, isMediaType } from '../../proto/file-words.ts';
import type { Secrets } from '../tokens.ts';

export interface Ticket {
  readonly file: string;
  readonly generation: string;
  readonly thumb: boolean;
  readonly type: string;
  readonly name: string;
  readonly user: string;
  readonly until: number;
}

export interface Signing {
  /** The path and query of the address. */
  urlOf(ticket: Ticket): string;
  read(url: URL, now: number): Ticket | 'bad_signature' | 'expired_url';
}

const path = '/v1/files/';
const generationShape = /^[A-Za-z0-9-]{1,64}$/;

export function signing({ secret, formerSecrets = [] }: Secrets): Signing {
  // Keys of their own: what is signed here must never pass for anything else.
  const keys = [secret, ...formerSecrets].map((one) => createHmac('sha256', one).update('ringpost file urls').digest());
  const sign = (key: Buffer, { file, generation, thumb, type, name, user, until }: Ticket): Buffer =>
    createHmac('sha256', key)
      .update(JSON.stringify([file, generation, thumb, type, name, user, until]))
      .digest();

  return {
    urlOf(ticket) {
      const { file, generation, thumb, type, name, user, until } = ticket;
      const query = new URLSearchParams({
        ...{ user, until: String(until), generation, type, name, thumb: thumb ? '1' : '0' },
        signature: sign(keys[0]!, ticket).toString('base64url'),
      });
      return `${path}${file}?${query}`;
    },
    read(url, now) {
      const ticket = ticketOf(url);
      const signature = Buffer.from(url.searchParams.get('signature') ?? '', 'base64url');
      if (ticket === undefined) return 'bad_signature';
      const isOurs = keys.some((key) => {
        const expected = sign(key, ticket);
        return signature.length === expected.length && timingSafeEqual(signature, expected);
      });
      if (!isOurs) return 'bad_signature';
      return ticket.until < now ? 'expired_url' : ticket;
    },
  };
}

function ticketOf({ pathname, searchParams }: URL): Ticket | undefined {
  const file = pathname.slice(path.length);
  const text = (name: string): string => searchParams.get(name) ?? '';
  const [user, generation, type, until] = [text('user'), text('generation'), text('type'), Number(text('until'))];
  const isWhole = isFileId(file) && isUserId(user) && isMediaType(type) && generationShape.test(generation);
  if (!isWhole || !Number.isSafeInteger(until)) return undefined;
  return { file, generation, thumb: text('thumb') === '1', type, name: text('name'), user, until };
}
