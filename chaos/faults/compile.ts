/** C sources of this folder, compiled for the machine that they run on. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Seen from dist/chaos/faults. */
const sources = new URL('../../../chaos/faults/', import.meta.url);

/** Answers the path of what gcc made of `source`. Throws with gcc's words when it can't. */
export function compiled(source: string, folder: string, flags: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  const output = join(folder, source.replace(/\.c$/, '.bin'));
  const input = fileURLToPath(new URL(source, sources));
  try {
    execFileSync('gcc', ['-O2', '-Wall', '-o', output, input, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer };
    throw new Error(`gcc could not compile ${source}: ${stderr?.toString() ?? String(error)}`);
  }
  return output;
}
