/** The last place of a tuple, left out where there is nothing to put there. */
export function optional<T>(value: T | undefined): readonly [] | readonly [T] {
  return value === undefined ? [] : [value];
}
