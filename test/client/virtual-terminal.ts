import { PassThrough, Writable } from 'node:stream';
import type { ChatInput, ChatIo, ChatOutput } from '../../client/chat/io.ts';
import { widthOf } from '../../client/chat/text.ts';

/** As much of a terminal as readline and the chat use: a screen of cells, a cursor, and what scrolled off the top. */
export class VirtualTerminal extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  readonly scrolled: string[] = [];
  #cells: string[][] = [[]];
  #row = 0;
  #column = 0;
  #rest = '';

  constructor(columns = 60, rows = 12) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  /** The screen as a person sees it, without empty lines at its end. */
  get screen(): string[] {
    const lines = this.#cells.map((cells) =>
      Array.from(cells, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    );
    while (lines.length > 1 && lines.at(-1) === '') lines.pop();
    return lines;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#take(this.#rest + chunk.toString());
    done();
  }

  #take(text: string): void {
    this.#rest = '';
    for (let at = 0; at < text.length; ) {
      const rest = text.slice(at);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
      const sequence = /^\u001b\[([\d;]*)([A-Za-z])/.exec(rest);
      if (sequence) {
        this.#control(sequence[2]!, sequence[1]!);
        at += sequence[0].length;
      } else if (rest.startsWith('\u001b')) {
        this.#rest = rest;
        return;
      } else {
        const char = String.fromCodePoint(rest.codePointAt(0)!);
        this.#put(char);
        at += char.length;
      }
    }
  }

  #put(char: string): void {
    if (char === '\r') this.#column = 0;
    else if (char === '\n') {
      this.#down();
      this.#column = 0;
    } else if (char >= ' ') {
      const width = widthOf(char);
      if (this.#column + width > this.columns) {
        this.#down();
        this.#column = 0;
      }
      this.#cells[this.#row]![this.#column] = char;
      if (width === 2) this.#cells[this.#row]![this.#column + 1] = '';
      this.#column += width;
    }
  }

  #down(): void {
    this.#row += 1;
    if (this.#row === this.rows) {
      const [top = []] = this.#cells.splice(0, 1);
      this.scrolled.push(
        Array.from(top, (cell) => cell ?? ' ')
          .join('')
          .trimEnd(),
      );
      this.#row -= 1;
    }
    this.#cells[this.#row] ??= [];
  }

  #control(command: string, parameters: string): void {
    const n = Number.parseInt(parameters, 10);
    const count = Number.isNaN(n) ? 1 : n;
    switch (command) {
      case 'A':
        this.#row = Math.max(0, this.#row - count);
        break;
      case 'B':
        this.#row = Math.min(this.rows - 1, this.#row + count);
        for (let row = 0; row <= this.#row; row++) this.#cells[row] ??= [];
        break;
      case 'C':
        this.#column = Math.min(this.columns - 1, this.#column + count);
        break;
      case 'D':
        this.#column = Math.max(0, this.#column - count);
        break;
      case 'G':
        this.#column = count - 1;
        break;
      case 'J':
        this.#cells[this.#row]!.length = Math.min(this.#cells[this.#row]!.length, this.#column);
        this.#cells.length = this.#row + 1;
        break;
      case 'K':
        this.#cells[this.#row]!.length = Math.min(this.#cells[this.#row]!.length, this.#column);
        break;
    }
  }
}

/** Keeps what is written to it. */
export class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

export class Keyboard extends PassThrough {
  readonly isTTY: boolean;
  isRaw = false;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(raw: boolean): this {
    this.isRaw = raw;
    return this;
  }

  type(text: string): void {
    this.write(text);
  }
}

export interface PipeIo extends ChatIo {
  readonly stdin: Keyboard & ChatInput;
  readonly stdout: Sink & ChatOutput;
  readonly stderr: Sink & ChatOutput;
}
export interface TerminalIo extends ChatIo {
  readonly stdin: Keyboard & ChatInput;
  readonly stdout: VirtualTerminal;
  readonly stderr: Sink & ChatOutput;
}

export function pipeIo(env: { readonly [name: string]: string }): PipeIo {
  return { stdin: new Keyboard(false), stdout: new Sink(), stderr: new Sink(), env };
}

export function terminalIo(env: { readonly [name: string]: string }, columns?: number, rows?: number): TerminalIo {
  return { stdin: new Keyboard(true), stdout: new VirtualTerminal(columns, rows), stderr: new Sink(), env };
}
