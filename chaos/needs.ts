/** What a scenario needs of the machine, and why it can't be had. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Need } from './scenario.ts';

/** '' where all is there; otherwise why the scenario is not run, in words. */
export function whyNot(needs: readonly Need[], enclosed: boolean): string {
  const missing = needs.map((need) => whyMissing(need, enclosed)).filter((why) => why !== '');
  return missing.join('; ');
}

function whyMissing(need: Need, enclosed: boolean): string {
  switch (need) {
    case 'namespaces':
      return enclosed ? '' : 'namespaces and mounts of its own need root (CAP_SYS_ADMIN)';
    case 'compiler':
      return runs('gcc', ['--version']) ? '' : 'no C compiler here (gcc)';
    case 'fuse':
      return enclosed && existsSync('/dev/fuse') ? '' : 'FUSE needs root and /dev/fuse';
  }
}

function runs(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
