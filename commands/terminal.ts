/** Where a command speaks: results on standard output, everything else on standard error. */
export interface Terminal {
  say(text: string): void;
  tell(line: string): void;
}

export const processTerminal: Terminal = {
  say: (text) => void process.stdout.write(`${text}\n`),
  tell: (line) => void process.stderr.write(`${line}\n`),
};
