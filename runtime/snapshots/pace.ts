/** Called after each piece of work with the bytes that it handled; resolves when the next may begin. */
export type Pace = (bytes: number) => Promise<void>;

/** Reading, merging and packing rows: one to two milliseconds. */
const slice_bytes = 256 * 1024;

/** Work in slices, after each of which it waits for `rest`, so that the turns of all partitions go on. */
export function paced(rest: () => Promise<void>): Pace {
  let done = 0;
  return async (bytes) => {
    done += bytes;
    if (done < slice_bytes) return;
    done = 0;
    await rest();
  };
}
