/** Where a chat reads and writes: the process's own streams, or those of a test. */
export interface ChatInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
}
export interface ChatOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}
export interface ChatIo {
  readonly stdin: ChatInput;
  readonly stdout: ChatOutput;
  readonly stderr: ChatOutput;
  readonly env: { readonly [name: string]: string | undefined };
}

export const processIo: ChatIo = process;

/** A terminal that can move its cursor; anything else gets plain lines. */
export function isTerminal({ stdin, stdout, env }: ChatIo): boolean {
  return stdin.isTTY === true && stdout.isTTY === true && env.TERM !== 'dumb';
}

/** NO_COLOR: see no-color.org. */
export function wantsColours(io: ChatIo): boolean {
  return io.stdout.isTTY === true && (io.env.NO_COLOR ?? '') === '' && io.env.TERM !== 'dumb';
}
