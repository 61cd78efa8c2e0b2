/** Tables for people, on a terminal of any width. */

export interface Column<T> {
  readonly head: string;
  readonly of: (row: T) => string | number;
}

/** Numbers are set to the right. No trailing blanks: a line that fits is not broken for nothing. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = rows.map((row) => columns.map(({ of }) => of(row)));
  const widths = columns.map(({ head }, i) => Math.max(head.length, ...cells.map((line) => String(line[i]).length)));
  const isNumber = columns.map((_, i) => rows.length > 0 && cells.every((line) => typeof line[i] === 'number'));
  const line = (texts: readonly (string | number)[]): string =>
    texts
      .map((text, i) => (isNumber[i] ? String(text).padStart(widths[i] ?? 0) : String(text).padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ head }) => head)), ...cells.map(line)].join('\n');
}

/** To the second, in UTC; `-` for none. */
export function time(ms: number): string {
  return ms === 0 ? '-' : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}
