/** A process that runs the seeds it is sent, one after another. */
import { replaceGlobals } from './globals.ts';
import type { RunOptions } from './run.ts';

replaceGlobals();
// What it loads may keep globals as they are when it is loaded.
const { run } = await import('./run.ts');

process.on('message', (options: RunOptions) => {
  void run(options).then((verdict) => process.send?.(verdict));
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
