import { createInterface, type Interface } from 'node:readline';
import { type ChatIo, wantsColours } from './io.ts';
import type { OwnMessage, Tick } from './ledger.ts';
import { chatLimits } from './limits.ts';
import type { Screen, Status, TheirMessage } from './screen.ts';
import { type Colours, clock, colours, day, harmless, rowsOf, shortened, widthOf } from './text.ts';

export interface TerminalOptions {
  /** Of earlier chats, newest first. */
  readonly typed: readonly string[];
  readonly complete: (line: string) => [string[], string];
  /** The line that is being typed has changed. */
  readonly typing: (line: string) => void;
}

/** Something printed that may still be on the screen. */
interface Block {
  /** Of an own message; '' for all else. */
  readonly id: string;
  readonly rows: number;
}

/** Column of the tick in the first row of an own message: after `12:05 `. All ticks take two columns. */
const tickColumn = 6;

/**
 * A chat in a terminal: what happens scrolls by above the line that is being typed, and ticks change in place as long as their
 * message is on the screen.
 */
export class TerminalScreen implements Screen {
  readonly context = true;
  readonly lines: AsyncIterable<string>;
  /** What was typed, newest first. */
  typed: readonly string[];
  readonly #io: ChatIo;
  readonly #readline: Interface;
  readonly #paint: Colours;
  #blocks: Block[] = [];
  #prompt = '';
  #lastDay = day(Date.now());
  /** The most rows that the typed line has taken lately: so many rows below it may be blank. */
  #inputRows = 1;
  #closed = false;

  constructor(io: ChatIo, { typed, complete, typing }: TerminalOptions) {
    this.#io = io;
    this.#paint = colours(wantsColours(io));
    this.typed = typed;
    this.#readline = createInterface({
      input: io.stdin,
      output: io.stdout,
      terminal: true,
      history: [...typed],
      historySize: chatLimits.input_lines_max,
      removeHistoryDuplicates: true,
      completer: complete,
    });
    this.#readline.on('history', (history) => {
      this.typed = [...history];
    });
    this.#readline.on('line', (line) => this.#entered(line));
    // Ctrl-C first takes back what was typed, then leaves.
    this.#readline.on('SIGINT', () => {
      if (this.#readline.line === '') this.#readline.close();
      else this.#readline.write(null, { ctrl: true, name: 'u' });
    });
    this.#readline.on('close', () => {
      this.#closed = true;
    });
    io.stdin.on('keypress', (_, key: { ctrl?: boolean; name?: string } | undefined) => {
      if (key?.ctrl === true && key.name === 'l') this.#forget();
      this.#inputRows = Math.max(this.#inputRows, this.#rowOfCursor() + 1);
      typing(this.#readline.line);
    });
    io.stdout.on('resize', () => this.#forget());
    // Now, not when the first line is asked for: until then they would be lost.
    this.lines = this.#readline[Symbol.asyncIterator]();
    this.status({ partner: undefined, typing: false, presence: '', trouble: '' });
  }

  own(message: OwnMessage): void {
    const { at, body, tick, why, whom } = message;
    const { dim, green, red } = this.#paint;
    const [first = '', ...more] = harmless(body);
    const head = `${dim(clock(at))} ${this.#tick(tick)} ${green('you')}${dim(' →')} ${green(whom)}`;
    const reason = why === '' ? '' : red(`  (not delivered: ${why})`);
    this.#newDay(at);
    this.#print([`${head}: ${first}${more.length === 0 ? reason : ''}`, ...this.#below(more)], message.id);
  }

  ticked(messages: readonly OwnMessage[]): void {
    const away = messages.filter((message) => !this.#redrawn(message));
    for (const { tick, whom, body, why } of messages) {
      if (tick === 'failed') this.alert(`Not delivered to ${whom}: ${shortened(body, 40)} (${why})`);
    }
    const last = away.findLast(({ tick }) => tick === 'read' || tick === 'delivered');
    if (last === undefined) return;
    const got = last.tick === 'read' ? 'has read' : 'has got';
    this.#print([
      `      ${this.#tick(last.tick)} ${this.#paint.dim(`${last.whom} ${got} “${shortened(last.body, 40)}”`)}`,
    ]);
  }

  theirs({ from, room, at, body }: TheirMessage, here: boolean): void {
    const { dim, cyan, yellow } = this.#paint;
    const [first = '', ...more] = harmless(body);
    const name = (here ? cyan : yellow)(this.#paint.bold(from));
    this.#newDay(at);
    const answer = here ? '' : dim(`   (/to ${room ?? from} answers)`);
    const where = room === undefined || here ? '' : dim(` in ${room}`);
    this.#print([
      `${dim(clock(at))}    ${name}${where}: ${first}${more.length === 0 ? answer : ''}`,
      ...this.#below(more),
    ]);
  }

  heading(text: string): void {
    this.#print([this.#paint.bold(`── ${text} ──`)]);
  }

  note(text: string): void {
    this.#print(text.split('\n').map((line) => this.#paint.dim(`   ${line}`)));
  }

  alert(text: string): void {
    this.#print(text.split('\n').map((line) => this.#paint.red(`   ${line}`)));
  }

  answer(lines: readonly string[]): void {
    this.#print(lines.map((line) => `   ${line}`));
  }

  status({ partner, typing, presence, trouble }: Status): void {
    const { dim, green, yellow, red, bold } = this.#paint;
    const presented = presence === 'online' ? green('● online') : presence === '' ? '' : dim(presence);
    const state = trouble !== '' ? red(trouble) : typing ? yellow('typing …') : presented;
    const prompt =
      partner === undefined
        ? `${dim('Whom do you want to write to? (/to NAME)')}${trouble === '' ? '' : ` ${red(trouble)}`} › `
        : `${bold(partner)}${state === '' ? '' : ` ${state}`} › `;
    if (prompt === this.#prompt) return;
    this.#prompt = prompt;
    this.#readline.setPrompt(prompt);
    if (!this.#closed) this.#redraw('');
  }

  close(): void {
    if (!this.#closed) this.#readline.close();
    // The next thing on this terminal is the shell's prompt: on a line of its own.
    this.#io.stdout.write('\r\u001b[J');
  }

  // ---------------------------------------------------------------- printing

  /** Puts lines above the line that is being typed. */
  #print(lines: readonly string[], id = ''): void {
    const { stdout } = this.#io;
    const text = lines.map((line) => `${line}\n`).join('');
    this.#blocks.push({ id, rows: rowsOf(lines, this.#columns) });
    if (this.#blocks.length > chatLimits.blocks_max) this.#blocks = this.#blocks.slice(-chatLimits.blocks_max / 2);
    if (this.#closed) {
      stdout.write(text);
      return;
    }
    this.#redraw(text);
  }

  /** Takes the line that is being typed away, writes `text`, and draws the line again below it. */
  #redraw(text: string): void {
    this.#io.stdout.write(`${up(this.#rowOfCursor())}\r\u001b[J${text}`);
    // Where readline believes its cursor to be, from which it would go up first; of pasted text it keeps no count anyway.
    (this.#readline as { prevRows?: number }).prevRows = 0;
    this.#readline.prompt(true);
  }

  /** Draws a tick over the one that is on the screen. False when it is there no more. */
  #redrawn({ id, tick }: OwnMessage): boolean {
    const at = this.#blocks.findLastIndex((block) => block.id === id);
    if (at < 0 || this.#closed) return false;
    const rowsAbove = this.#blocks.slice(at).reduce((rows, block) => rows + block.rows, this.#rowOfCursor());
    if (rowsAbove + this.#inputRows > (this.#io.stdout.rows ?? 24)) return false;
    const back = `\r${right(this.#readline.getCursorPos().cols)}`;
    this.#io.stdout.write(`${up(rowsAbove)}\r${right(tickColumn)}${this.#tick(tick)}\u001b[${rowsAbove}B${back}`);
    return true;
  }

  /** Enter was pressed: what was typed goes, for it comes back as a message. */
  #entered(line: string): void {
    const rows = Math.floor(widthOf(this.#prompt + line) / this.#columns) + 1;
    this.#io.stdout.write(`${up(rows)}\r\u001b[J`);
    this.#inputRows = 1;
    if (line.startsWith('/')) this.#print([this.#paint.dim(`› ${line}`)]);
    else this.#readline.prompt();
  }

  #newDay(at: number): void {
    const of = day(at);
    if (of === this.#lastDay) return;
    this.#lastDay = of;
    this.#print([this.#paint.dim(`── ${of} ──`)]);
  }

  #below(lines: readonly string[]): string[] {
    return lines.map((line) => `         ${line}`);
  }

  #tick(tick: Tick): string {
    const { dim, blue, red } = this.#paint;
    switch (tick) {
      case 'waiting':
        return dim('· ');
      case 'sent':
        return dim('✓ ');
      case 'delivered':
        return dim('✓✓');
      case 'read':
        return blue('✔✔');
      case 'failed':
        return red('✗ ');
    }
  }

  /** What is where on the screen is not known any more. */
  #forget(): void {
    this.#blocks = [];
  }

  #rowOfCursor(): number {
    return this.#readline.getCursorPos().rows;
  }

  get #columns(): number {
    return this.#io.stdout.columns ?? 80;
  }
}

function up(rows: number): string {
  return rows === 0 ? '' : `\u001b[${rows}A`;
}

function right(columns: number): string {
  return columns === 0 ? '' : `\u001b[${columns}C`;
}
