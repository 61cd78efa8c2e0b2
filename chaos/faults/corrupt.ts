/** What a bad disk makes of a file. */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import type { SimRandom } from '../../sim/clock.ts';

const page_bytes = 4_096;

/** Each damages a file and says how. The file must not be in use. */
export const damages: { readonly [what: string]: (path: string, random: SimRandom) => string } = {
  'bits flipped': (path, random) =>
    onFile(path, (file, size) => {
      const flips = random.between(1, 64);
      for (let i = 0; i < flips; i++) flip(file, random.between(0, size - 1), random.between(0, 7));
      return `${flips} of ${size * 8} bits`;
    }),
  'a bit of a page in use flipped': (path, random) =>
    onFile(path, (file, size) => {
      // LMDB's first pages are its roots.
      const at = random.between(0, Math.min(size, 16 * page_bytes) - 1);
      flip(file, at, random.between(0, 7));
      return `byte ${at}`;
    }),
  'cut short': (path, random) =>
    onFile(path, (file, size) => {
      const left = random.between(0, size - 1);
      ftruncateSync(file, left);
      return `${left} of ${size} bytes left`;
    }),
  'pages zeroed': (path, random) =>
    onFile(path, (file, size) => {
      const pages = random.between(1, 8);
      for (let i = 0; i < pages; i++) {
        const at = random.between(0, Math.max(0, Math.ceil(size / page_bytes) - 1)) * page_bytes;
        writeSync(file, Buffer.alloc(Math.min(page_bytes, size - at)), 0, Math.min(page_bytes, size - at), at);
      }
      return `${pages} pages`;
    }),
  'foreign bytes': (path, random) =>
    onFile(path, (file, size) => {
      const bytes = Buffer.from(Array.from({ length: Math.min(size, 256 * 1_024) }, () => random.between(0, 255)));
      writeSync(file, bytes, 0, bytes.length, 0);
      return `${bytes.length} bytes`;
    }),
  deleted(path) {
    rmSync(path, { force: true });
    return 'the file';
  },
};

function onFile(path: string, act: (file: number, size: number) => string): string {
  const file = openSync(path, 'r+');
  try {
    return act(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

function flip(file: number, at: number, bit: number): void {
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  byte[0] = byte[0]! ^ (1 << bit);
  writeSync(file, byte, 0, 1, at);
}
