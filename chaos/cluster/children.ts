/** No process that was started here outlives this one, however it ends. */
import type { ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** From now until it ends by itself. */
export function endsWithUs(child: ChildProcess): void {
  children.add(child);
  for (const end of ['exit', 'error']) child.once(end, () => children.delete(child));
}
