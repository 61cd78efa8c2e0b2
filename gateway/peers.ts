import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4 } from 'node:net';

/**
 * Whom rates and caps count: the client's IPv4 address, or the /64 of its IPv6 address (one customer usually has a whole /64).
 * `trustedProxies` is the number of reverse proxies in front, each of which appends to X-Forwarded-For the address it saw;
 * entries before those are the client's own words, and never believed.
 */
export function peerOf(request: IncomingMessage, trustedProxies: number): string {
  const direct = request.socket.remoteAddress ?? '';
  if (trustedProxies === 0) return subnet(direct);
  const forwarded = request.headers['x-forwarded-for'];
  const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',');
  const seen = hops[hops.length - trustedProxies]?.trim() ?? '';
  return subnet(isIP(seen) === 0 ? direct : seen);
}

/** The same without proxies: of the address at the other end of a connection. */
export function subnet(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (isIPv4(address) || !address.includes(':')) return address;
  const [before = '', after = ''] = (address.split('%')[0] ?? '').split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === '' ? [] : after.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}
