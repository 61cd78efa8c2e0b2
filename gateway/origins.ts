/** Origins whose pages may talk to this server: exact strings such as `https://chat.example`, or only those of its own host. */
export type AllowedOrigins = readonly string[] | 'same-host';

/**
 * Whether a request may come from where it says. Without an Origin header it is not from a page, and may. Comparison is of whole
 * strings: prefixes and suffixes are how such lists are got round (`https://chat.example.evil.net`).
 */
export function originAllowed(
  headers: { readonly origin?: string | undefined; readonly host?: string | undefined },
  allowed: AllowedOrigins,
): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  if (allowed !== 'same-host') return allowed.includes(origin);
  return host !== undefined && (origin === `https://${host}` || origin === `http://${host}`);
}
