/** Figures for people: one row a run, in columns as wide as they need to be. */

export type Cell = string | number | null | undefined;

export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map(textOf));
  const widths = heads.map((head, i) => Math.max(head.length, ...texts.map((row) => row[i]?.length ?? 0)));
  const lineOf = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return [lineOf(heads), ...texts.map(lineOf)].map((line) => line.trimEnd()).join('\n');
}

function textOf(cell: Cell): string {
  if (cell === null || cell === undefined) return '·';
  return typeof cell === 'number' ? cell.toLocaleString('en') : cell;
}
