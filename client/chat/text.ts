/** Text for a terminal: harmless, of known width, coloured only where colours are wanted. */

export type Paint = (text: string) => string;
export interface Colours {
  readonly on: boolean;
  readonly dim: Paint;
  readonly bold: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly blue: Paint;
  readonly cyan: Paint;
}

const codes = {
  dim: [2, 22],
  bold: [1, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [94, 39],
  cyan: [36, 39],
} as const;

export function colours(on: boolean): Colours {
  const paint = ([open, close]: readonly [number, number]): Paint =>
    on ? (text) => `\u001b[${open}m${text}\u001b[${close}m` : (text) => text;
  const { dim, bold, red, green, yellow, blue, cyan } = codes;
  return {
    on,
    dim: paint(dim),
    bold: paint(bold),
    red: paint(red),
    green: paint(green),
    yellow: paint(yellow),
    blue: paint(blue),
    cyan: paint(cyan),
  };
}

/** Control characters, and those that turn the direction of text around: in somebody else's message they could draw anything. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
const harmful = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Somebody else's text, as lines that are safe to print. */
export function harmless(text: string): string[] {
  return text.replace(/\r\n?/g, '\n').replace(/\t/g, '    ').replace(harmful, '\ufffd').split('\n');
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
const paintCode = /\u001b\[\d*m/g;
const noWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const wide =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])$/u;

/** Columns that a text takes, counted by code points as Node's readline does. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of text.replace(paintCode, '')) {
    if (char < '\u0300') width += 1;
    else if (!noWidth.test(char)) width += wide.test(char) ? 2 : 1;
  }
  return width;
}

/** Rows that printed lines take on a terminal of so many columns. */
export function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
}

const two = (n: number) => String(n).padStart(2, '0');

/** `12:05`, in the person's own time zone. */
export function clock(at: number): string {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `2025-03-04`; the same text means the same day. */
export function day(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** A moment as short as it can be understood: `12:05` today, with its day otherwise. */
export function moment(at: number, now: number): string {
  return day(at) === day(now) ? clock(at) : `${day(at)} ${clock(at)}`;
}

export function shortened(text: string, chars: number): string {
  const line = harmless(text).join(' ');
  return line.length <= chars ? line : `${line.slice(0, chars - 1)}…`;
}

const units = [
  ['d', 24 * 60 * 60_000],
  ['h', 60 * 60_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** `90s`, `5m`, `24h`, `7d`: in the largest unit of which it is a multiple. */
export function span(ms: number): string {
  const [unit, unitMs] = units.find(([, each]) => ms % each === 0) ?? (['s', 1_000] as const);
  return `${Math.round(ms / unitMs)}${unit}`;
}

/** What `span` has made, as ms; undefined for other text. */
export function spanMs(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([dhms])$/.exec(text) ?? [];
  const ms = units.find(([name]) => name === unit)?.[1];
  return ms === undefined ? undefined : Number(count) * ms;
}
