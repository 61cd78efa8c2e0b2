/** Where a process runs: on loopback among all others, or in a network namespace of its own. */

export interface Site {
  /** Where others reach it. */
  readonly address: string;
  /** The command that runs a command there, in the same process. */
  wrap(command: readonly string[]): readonly string[];
}

export const loopback: Site = { address: '127.0.0.1', wrap: (command) => command };
