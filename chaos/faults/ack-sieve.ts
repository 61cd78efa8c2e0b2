/** Takes JetStream's acknowledgements out of what a nats-server says to its client, and leaves all else as it is. */

const end_of_line = Buffer.from('\r\n');
/** A PubAck is JSON and begins with the stream's name; answers of the API begin with their type. */
const ack = /^\{"stream":"[^"]*",\s*"seq":/;
const ack_chars_most = 80;

export class AckSieve {
  #rest: Buffer = Buffer.alloc(0);

  /** What is to be passed on now. Only whole messages are: where one ends is known only to who has looked at every byte. */
  pass(bytes: Buffer, swallow: boolean): { readonly passed: Buffer; readonly swallowed: number } {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const passed: Buffer[] = [];
    let swallowed = 0;
    for (;;) {
      const end = messageEnd(this.#rest);
      if (end === 0) break;
      const message = this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
      if (swallow && isAck(message)) swallowed++;
      else passed.push(message);
    }
    return { passed: Buffer.concat(passed), swallowed };
  }
}

/** Where the first message of these bytes ends; 0 when it is not whole. */
function messageEnd(bytes: Buffer): number {
  const line = bytes.indexOf(end_of_line);
  if (line < 0) return 0;
  const words = bytes.toString('latin1', 0, line).split(' ');
  const hasPayload = words[0] === 'MSG' || words[0] === 'HMSG';
  const end = line + 2 + (hasPayload ? Number(words.at(-1)) + 2 : 0);
  return end <= bytes.length ? end : 0;
}

function isAck(message: Buffer): boolean {
  const words = message.toString('latin1', 0, message.indexOf(end_of_line)).split(' ');
  if (words[0] !== 'MSG' && words[0] !== 'HMSG') return false;
  const headerBytes = words[0] === 'HMSG' ? Number(words.at(-2)) : 0;
  const payload = message.indexOf(end_of_line) + 2 + headerBytes;
  return ack.test(message.toString('latin1', payload, payload + ack_chars_most));
}
