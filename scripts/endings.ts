/** What must be undone when a run ends, however it ends: processes, and folders with their data. */
import { constants } from 'node:os';

type End = () => Promise<unknown> | unknown;

export class Endings {
  #ends: End[] = [];

  add(end: End): void {
    this.#ends.push(end);
  }

  /** The last one added is the first to be undone. One that fails does not keep the others from it. */
  async run(): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      try {
        await end();
      } catch (error) {
        process.stderr.write(`while ending: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  }
}

/** Runs `work` and undoes what it has added, also after a failure, Ctrl-C or SIGTERM. A second Ctrl-C doesn't wait for that. */
export async function withEndings<T>(work: (endings: Endings) => Promise<T>): Promise<T> {
  const endings = new Endings();
  let stopped = false;
  const stop = (signal: NodeJS.Signals): void => {
    const code = 128 + constants.signals[signal];
    if (stopped) process.exit(code);
    stopped = true;
    process.stderr.write('\nending what was started …\n');
    void endings.run().then(() => process.exit(code));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await work(endings);
  } catch (error) {
    // The work fails when its processes are taken away from under it; the signal's own ending is the one that counts.
    if (stopped) await new Promise(() => undefined);
    throw error;
  } finally {
    await endings.run();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
