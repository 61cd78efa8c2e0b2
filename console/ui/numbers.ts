/** Numbers, times and plots in few columns. */

/** 0, 7.5, 123, 12.3k, 4.5M: at most five columns. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const units: readonly (readonly [number, string])[] = [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ];
  for (const [size, unit] of units) {
    // What would be rounded up to the next unit belongs to that already.
    if (value >= size * 0.9995) return `${figures(value / size)}${unit}`;
  }
  return figures(value);
}

function figures(value: number): string {
  if (value === 0) return '0';
  const text = value < 99.95 ? value.toFixed(1) : value.toFixed(0);
  return text.endsWith('.0') ? text.slice(0, -2) : text;
}

/** The time of day of a moment in ms, where this process is. */
export function clock(at: number): string {
  return at === 0 ? '-' : new Date(at).toTimeString().slice(0, 8);
}

export function moment(at: number): string {
  return at === 0 ? '-' : `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** 5 s, 3 min, 2 h, 4 d. */
export function age(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

const blocks = '▁▂▃▄▅▆▇█';
/** Of characters that every terminal has, ordered by how high their ink stands. */
const ascii = '_.-=+*%#';

/** The newest values, as high as the highest of them; the newest is at the right. Holes (NaN) are blanks. */
export function sparkline(values: readonly number[], columns: number, isUtf8: boolean): string {
  const shown = values.slice(-columns);
  const top = shown.reduce((most, value) => (value > most ? value : most), 0);
  const marks = isUtf8 ? blocks : ascii;
  const drawn = shown.map((value) => {
    if (!Number.isFinite(value)) return ' ';
    const height = top === 0 ? 0 : Math.ceil((value / top) * marks.length) - 1;
    return marks[Math.max(0, height)];
  });
  return drawn.join('').padStart(columns);
}

export function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
