/**
 * Message ids in the form of UUIDv7 (RFC 9562): 48 bits of time, a counter in `rand_a` that keeps ids of one maker in order, and
 * 62 random bits drawn once per maker. So an id costs a string join and no random bytes, and two makers still never meet.
 */
export function messageIds(now: () => number = Date.now): () => string {
  const random = new Uint8Array(8);
  globalThis.crypto.getRandomValues(random);
  random[0] = (random[0]! & 0x3f) | 0x80;
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const tail = `-${hex.slice(0, 4)}-${hex.slice(4)}`;
  const counter_max = 0xfff;
  let at = 0;
  let counter = 0;
  let head = '';
  const take = (ms: number) => {
    at = ms;
    counter = 0;
    const time = ms.toString(16).padStart(12, '0');
    head = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  };
  return () => {
    const ms = now();
    // A clock that stands still or goes back, or a full counter, borrows from the time to come: ids keep rising.
    if (ms > at) take(ms);
    else if (counter === counter_max) take(at + 1);
    else counter++;
    return head + counter.toString(16).padStart(3, '0') + tail;
  };
}
