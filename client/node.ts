import { promises as fs } from 'node:fs';
import { dirname } from 'node:path';
import { clientWord } from '../proto/client-words.ts';
import { Fault } from '../proto/fault.ts';
import type { ClientStorage, Saved } from './storage.ts';

/**
 * A client's state in one file that only its owner may read (it holds the session's tokens). Each save writes a new file and puts it
 * in the old one's place, so that there is always a whole one. One client at a time may use a file.
 */
export function fileStorage(path: string): ClientStorage {
  return {
    async load() {
      let text: string;
      try {
        text = await fs.readFile(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
      const saved: unknown = JSON.parse(text);
      if (!isSaved(saved)) throw new Error(`${path} does not hold the state of a Ringpost client`);
      return saved;
    },
    async save(saved) {
      const fresh = `${path}.${process.pid}.new`;
      await fs.mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await fs.writeFile(fresh, `${JSON.stringify(saved)}\n`, { mode: 0o600 });
      await fs.rename(fresh, path);
    },
  };
}

function isSaved(value: unknown): value is Saved {
  if (!isRecord(value) || !isRecord(value.tokens) || !Array.isArray(value.outbox)) return false;
  const { tokens } = value;
  const texts = [tokens.user, tokens.device, tokens.session, tokens.accessToken, tokens.refreshToken];
  const numbers = [tokens.accessUntil, tokens.refreshUntil, value.cursor];
  return (
    [...texts, value.epoch].every((text) => typeof text === 'string') &&
    numbers.every((number) => typeof number === 'number') &&
    value.outbox.every(isDeed)
  );
}

function isDeed(value: unknown): boolean {
  const word = clientWord(value);
  return !(word instanceof Fault) && (word.kind === 'send' || word.kind === 'group' || word.kind === 'self');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
