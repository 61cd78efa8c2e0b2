/** Files in the terminal: sending one, keeping one. */
import { createWriteStream, promises as fs, openAsBlob } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Readable, promises as streams } from 'node:stream';
import type { Command } from './commands.ts';
import { sizeWords } from './content.ts';
import type { Talk } from './talk.ts';

export const fileCommands: { readonly [name: string]: Command } = {
  '/file': { usage: '/file PATH', does: 'send a file; images are shown as such', run: send },
  '/save': { usage: '/save [PATH]', does: 'keep the last file that somebody sent here', run: save },
};

async function send(talk: Talk, path: string): Promise<void> {
  const { screen, client, partner } = talk;
  if (path === '') screen.alert('Which file? /file PATH');
  else if (partner === undefined) screen.alert('To whom? /to NAME first.');
  else {
    const bytes = await readable(path);
    if (bytes === undefined) {
      screen.alert(`There is no file ${path} that can be read here.`);
      return;
    }
    screen.note(`Sending ${basename(path)}, ${sizeWords(bytes.size)} …`);
    const file = await client.files.upload(bytes, { name: basename(path).slice(0, 128) });
    talk.say('', { file }, partner);
  }
}

/** Read in pieces, when they are sent. */
async function readable(path: string): Promise<Blob | undefined> {
  try {
    return (await fs.stat(path)).isFile() ? await openAsBlob(path) : undefined;
  } catch {
    return undefined;
  }
}

async function save(talk: Talk, path: string): Promise<void> {
  const { screen, client, lastFile: message } = talk;
  const file = message?.more?.file;
  if (message === undefined || file === undefined) {
    screen.alert('Nobody has sent a file here yet.');
    return;
  }
  const target = resolve(path === '' ? safeName(file.name) : path);
  const { body } = await client.files.download(message);
  try {
    // What is there already stays.
    const into = createWriteStream(target, { flags: 'wx' });
    await streams.pipeline(body === null ? Readable.from([]) : Readable.fromWeb(body as never), into);
    screen.note(`Kept as ${target}`);
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    screen.alert(exists ? `${target} is there already: /save PATH` : `It can't be kept as ${target}: ${String(error)}`);
  }
}

/** Somebody else chose it: it must lead nowhere. */
function safeName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  const safe = name.replace(/[\u0000-\u001f\u007f/\\:]/g, '_').replace(/^\.+/, '');
  return safe.trim() === '' ? 'file' : safe;
}
