import { createInterface } from 'node:readline';
import type { ChatIo } from './io.ts';
import type { OwnMessage, Tick } from './ledger.ts';
import type { Screen, Status, TheirMessage } from './screen.ts';
import { harmless } from './text.ts';

const stages: { readonly [tick in Exclude<Tick, 'waiting'>]: string } = {
  sent: '✓ sent to',
  delivered: '✓✓ delivered to',
  read: '✓✓ read by',
  failed: '✗ not delivered to',
};

/** Plain lines: what others wrote, and one line for each step of an own message. Troubles go to standard error. */
export class PlainScreen implements Screen {
  readonly context = false;
  readonly lines: AsyncIterable<string>;
  readonly #io: ChatIo;
  readonly #close: () => void;
  #status: Status = { partner: undefined, typing: false, presence: '', trouble: '' };

  constructor(io: ChatIo) {
    this.#io = io;
    const lines = createInterface({ input: io.stdin, crlfDelay: Number.POSITIVE_INFINITY, terminal: false });
    // Now, not when the first line is asked for: until then they would be lost.
    this.lines = lines[Symbol.asyncIterator]();
    this.#close = () => lines.close();
  }

  /** Whoever wrote a line into the pipe knows it; there is news only of what becomes of it. */
  own(message: OwnMessage): void {
    if (message.tick !== 'waiting') this.ticked([message]);
  }

  ticked(messages: readonly OwnMessage[]): void {
    for (const { tick, whom, body, why } of messages) {
      if (tick !== 'waiting') this.#say(`${stages[tick]} ${whom}: ${inline(body)}${why === '' ? '' : ` (${why})`}`);
    }
  }

  theirs({ from, room, body }: TheirMessage): void {
    this.#say(`${from}${room === undefined ? '' : ` in ${room}`}: ${inline(body)}`);
  }

  heading(text: string): void {
    this.note(text);
  }

  note(text: string): void {
    this.#say(`* ${text}`);
  }

  alert(text: string): void {
    this.#io.stderr.write(`${text}\n`);
  }

  answer(lines: readonly string[]): void {
    for (const line of lines) this.#say(line);
  }

  status(status: Status): void {
    const before = this.#status;
    this.#status = status;
    if (status.partner === undefined || status.presence === '') return;
    if (status.partner === before.partner && status.presence === before.presence) return;
    this.note(`${status.partner}: ${status.presence}`);
  }

  close(): void {
    this.#close();
  }

  #say(line: string): void {
    this.#io.stdout.write(`${line}\n`);
  }
}

/** One message, one line. */
function inline(body: string): string {
  return harmless(body).join(' ⏎ ');
}
