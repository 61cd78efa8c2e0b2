import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SystemNode } from '../cluster/system.ts';

/** A node's log; '' where there is none. */
export function logOf({ dataFolder }: SystemNode): string {
  try {
    return readFileSync(join(dataFolder, 'ringpost.log'), 'utf8');
  } catch {
    return '';
  }
}

/** How many lines of a node's log hold these words; 0 where there is no log. */
export function occurrences(node: SystemNode, words: string): number {
  return logOf(node).split(words).length - 1;
}
