/** A token bucket a peer: `burst` at once, then `perMinute`. Remembers at most `peersMax`, forgetting the longest unheard of. */
export interface Rate {
  /** Takes one token; 0 when there was one, otherwise the ms until there is. */
  take(peer: string, nowMs: number): number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export function rate(burst: number, perMinute: number, peersMax: number): Rate {
  // A Map keeps the order of insertion: a bucket that is used is put back at the end.
  const buckets = new Map<string, Bucket>();
  const perMs = perMinute / 60_000;
  return {
    take(peer, nowMs) {
      const bucket = buckets.get(peer) ?? { tokens: burst, atMs: nowMs };
      buckets.delete(peer);
      bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * perMs);
      bucket.atMs = nowMs;
      buckets.set(peer, bucket);
      if (buckets.size > peersMax) {
        const [oldest] = buckets.keys();
        if (oldest !== undefined) buckets.delete(oldest);
      }
      if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / perMs);
      bucket.tokens -= 1;
      return 0;
    },
  };
}
