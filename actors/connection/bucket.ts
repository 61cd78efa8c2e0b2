/** A token bucket: `perSecond` tokens come back, up to `burst`. Plain data; time comes from the turn. */
export interface Bucket {
  tokens: number;
  at: number;
}

export interface BucketRate {
  readonly perSecond: number;
  readonly burst: number;
}

/** 0: taken. Otherwise nothing was taken, and in so many milliseconds there will be enough. */
export function take(bucket: Bucket, rate: BucketRate, cost: number, now: number): number {
  // A wall clock that was put back must not take tokens away.
  const passed = Math.max(0, now - bucket.at);
  bucket.tokens = Math.min(rate.burst, bucket.tokens + (passed * rate.perSecond) / 1_000);
  bucket.at = now;
  // What costs more than the bucket can hold must be possible when it is full.
  const price = Math.min(cost, rate.burst);
  if (bucket.tokens < price) return Math.ceil(((price - bucket.tokens) * 1_000) / rate.perSecond);
  bucket.tokens -= price;
  return 0;
}
