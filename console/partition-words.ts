/** Numbers of partitions, for people. */

/** 3 5-9 12: numbers in ascending order, neighbours together. */
function ranges(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
    parts.push(end - i < 2 ? sorted.slice(i, end + 1).join(' ') : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return parts.join(' ');
}

export function partitionsWord(ids: readonly number[]): string {
  return `partition${ids.length === 1 ? '' : 's'} ${ranges(ids)}`;
}
