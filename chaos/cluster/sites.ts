/** Where a process runs: on loopback among all others, or in a network namespace of its own. */
import { createServer } from 'node:net';

export interface Site {
  /** Where others reach it. */
  readonly address: string;
  /** The command that runs a command there, in the same process. */
  wrap(command: readonly string[]): readonly string[];
}

export const loopback: Site = { address: '127.0.0.1', wrap: (command) => command };

/** Held open together, so they are different; the kernel doesn't hand out the same ones again soon. */
export async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const holder = createServer().once('error', reject);
          holder.listen(0, '127.0.0.1', () => resolve(holder));
        }),
    ),
  );
  const ports = holders.map((holder) => {
    const address = holder.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}
