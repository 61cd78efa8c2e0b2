import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { RingpostError } from '../errors.ts';
import { type ChatIo, isTerminal } from './io.ts';

/**
 * Asks on the terminal without showing what is typed. Rejects with `no_terminal` where there is nobody to ask, and with `closed` when
 * the person would rather not say (Ctrl-C, Ctrl-D).
 */
export function askHidden(io: ChatIo, question: string): Promise<string> {
  if (!isTerminal(io)) {
    const how = 'a password is needed: set RINGPOST_PASSWORD, or give --password.';
    return Promise.reject(new RingpostError('no_terminal', `There is no terminal to ask on, and ${how}`, false));
  }
  // readline edits the line as always, but its echo goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: io.stdin, output: nowhere, terminal: true, historySize: 0 });
  io.stdout.write(question);
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      resolve(line);
      lines.close();
    });
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => {
      io.stdout.write('\n');
      reject(new RingpostError('closed', 'No password was given.', false));
    });
  });
}
