import { lookup } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** An answer of somebody else's server; its body is not read. */
export interface OutwardAnswer {
  readonly status: number;
  /** What it asked for by `retry-after`, ms; 0 for nothing. */
  readonly retryMs: number;
}

export interface OutwardOptions {
  /** True: addresses of this machine and of private networks may be called too, and without TLS. */
  readonly privateTargets: boolean;
  readonly waitMs: number;
}

/**
 * Requests to addresses that users chose. Such an address must not lead into the operator's own network, so names are looked at where
 * they are resolved: at the moment of connecting, and not before.
 */
export class Outward {
  readonly #options: OutwardOptions;

  constructor(options: OutwardOptions) {
    this.#options = options;
  }

  /** Whether a user may choose this address, as far as can be told before it is resolved. */
  allows(text: string): boolean {
    if (text.length > url_chars_max || !URL.canParse(text)) return false;
    const url = new URL(text);
    const { privateTargets } = this.#options;
    if (url.protocol !== 'https:' && !(privateTargets && url.protocol === 'http:')) return false;
    if (url.username !== '' || url.password !== '') return false;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    return privateTargets || isIP(host) === 0 || isPublic(host);
  }

  /** Rejects with an error in words when there is no answer in time. Redirects are not followed. */
  post(text: string, headers: Record<string, string>, body: string | Buffer): Promise<OutwardAnswer> {
    if (!this.allows(text)) return Promise.reject(new Error('an address that may not be called'));
    const url = new URL(text);
    const options: RequestOptions = {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      signal: AbortSignal.timeout(this.#options.waitMs),
      ...(!this.#options.privateTargets && { lookup: publicLookup }),
    };
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
        const after = Number(response.headers['retry-after']);
        // What it says is not wanted: the connection goes with it.
        response.destroy();
        resolve({ status: response.statusCode ?? 0, retryMs: Number.isFinite(after) ? Math.max(0, after * 1000) : 0 });
      });
      // Its own words are of an abort.
      request.on('error', (error) => reject(error.name === 'AbortError' ? new Error('no answer in time') : error));
      request.end(body);
    });
  }
}

const url_chars_max = 1_024;

const closed = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  closed.addSubnet(net, bits, 'ipv4');
}
/** Of IPv6 only what is given out for the internet at large (RFC 4291), without what leads to IPv4 or to nothing. */
const open6 = new BlockList();
open6.addSubnet('2000::', 3, 'ipv6');
const closed6 = new BlockList();
for (const [net, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
] as const) {
  closed6.addSubnet(net, bits, 'ipv6');
}

/** An address of the internet at large (IANA's special-purpose registries). */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !closed.check(address, 'ipv4');
  return isIP(address) === 6 && open6.check(address, 'ipv6') && !closed6.check(address, 'ipv6');
}

/** A name that leads to any private address is refused as a whole. */
const publicLookup: LookupFunction = (host, options, found) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) found(error, '', 0);
    else if (addresses.length === 0 || !addresses.every(({ address }) => isPublic(address))) {
      found(Object.assign(new Error(`${host} leads to an address that may not be called`), { code: 'EACCES' }), '', 0);
    } else if (options.all) found(null, addresses);
    else found(null, addresses[0]!.address, addresses[0]!.family);
  });
};
