/** Lines of a screen as values: what tests read, and what `app.ts` hands to the terminal. */

export type Color = 'red' | 'green' | 'yellow' | 'cyan';

/** Colours only underline what the text says already: without them nothing is lost. */
export interface Style {
  readonly color?: Color;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly inverse?: boolean;
}

export interface Span extends Style {
  readonly text: string;
}

export type Line = readonly Span[];

/** Control characters, and those that turn the direction of writing: what comes from a cluster must not steer the terminal. */
const unshowable = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu;

export function span(text: string, style: Style = {}): Span {
  return { ...style, text: text.replace(unshowable, '·') };
}

export function line(text: string, style: Style = {}): Line {
  return text === '' ? [] : [span(text, style)];
}

export function textOf(one: Line): string {
  return one.map(({ text }) => text).join('');
}

/** Columns that a text takes: East Asian characters and emoji take two, marks that combine none. */
function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += widthOfChar(char);
  return width;
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;

function widthOfChar(char: string): number {
  if (char >= ' ' && char <= '~') return 1;
  if (/\p{M}/u.test(char)) return 0;
  return wide.test(char) || /\p{Emoji_Presentation}/u.test(char) || (char.codePointAt(0) ?? 0) > 0x1ffff ? 2 : 1;
}

/** The beginning of a text that fits into so many columns. */
function cut(text: string, columns: number): string {
  let width = 0;
  let kept = '';
  for (const char of text) {
    width += widthOfChar(char);
    if (width > columns) return kept;
    kept += char;
  }
  return kept;
}

export function left(text: string, columns: number): string {
  const kept = cut(text, columns);
  return kept + ' '.repeat(columns - widthOf(kept));
}

export function right(text: string, columns: number): string {
  const kept = cut(text, columns);
  return ' '.repeat(columns - widthOf(kept)) + kept;
}

/** As much of a line as fits. */
export function fit(one: Line, columns: number): Line {
  const spans: Span[] = [];
  let rest = columns;
  for (const part of one) {
    const text = cut(part.text, rest);
    if (text !== '') spans.push({ ...part, text });
    rest -= widthOf(text);
    if (rest <= 0 || text !== part.text) break;
  }
  return spans;
}

/** Breaks a text at blanks, or where it must, into lines of so many columns. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    let rest = word;
    if (current !== '' && widthOf(current) + 1 + widthOf(rest) <= columns) {
      current += ` ${rest}`;
      continue;
    }
    if (current !== '') lines.push(current);
    while (widthOf(rest) > columns) {
      const head = cut(rest, Math.max(2, columns));
      lines.push(head);
      rest = rest.slice(head.length);
    }
    current = rest;
  }
  if (current !== '' || lines.length === 0) lines.push(current);
  return lines;
}

/** Without colours; what is bold or inverse stays. */
export function colorless(lines: readonly Line[]): Line[] {
  return lines.map((one) => one.map(({ color: _, ...rest }) => rest));
}
