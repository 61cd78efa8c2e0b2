import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SystemNode } from '../cluster/system.ts';

/** How many lines of a node's log hold these words; 0 where there is no log. */
export function occurrences({ dataFolder }: SystemNode, words: string): number {
  let text: string;
  try {
    text = readFileSync(join(dataFolder, 'ringpost.log'), 'utf8');
  } catch {
    return 0;
  }
  return text.split(words).length - 1;
}
