/** Counts what there is of each key, up to a bound a key and a bound in all. */
export interface Tally {
  /** Counts one more; says which bound is reached instead, if one is. */
  take(key: string): 'taken' | 'key_full' | 'all_full';
  give(key: string): void;
}

export function tally(perKeyMax: number, allMax: number): Tally {
  const counts = new Map<string, number>();
  let all = 0;
  return {
    take(key) {
      const count = counts.get(key) ?? 0;
      if (all >= allMax) return 'all_full';
      if (count >= perKeyMax) return 'key_full';
      all += 1;
      counts.set(key, count + 1);
      return 'taken';
    },
    give(key) {
      const count = counts.get(key) ?? 0;
      if (count === 0) throw new Error('more given back than was taken');
      all -= 1;
      if (count === 1) counts.delete(key);
      else counts.set(key, count - 1);
    },
  };
}
