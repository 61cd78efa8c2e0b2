/** Bounds of the histograms. Durations are observed in milliseconds and told in seconds. */

/** From a turn that answers from memory to one that holds up all others, ms. */
export const turn_ms = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000];
/** From an fsync of a good disk to an election in NATS, ms. */
export const append_ms = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
/** From an answer from memory to an upload over a bad line, ms. */
export const took_ms = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000];
/** Of records in an append: at most `append_batch_max`. */
export const records = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/** Of turns in a record. */
export const turns = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
/** Of a record: at most `record_bytes_max` and `turn_bytes_max` together. */
export const bytes = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 524_288];
