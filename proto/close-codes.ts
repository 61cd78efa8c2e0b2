/** Close codes beyond those of RFC 6455; the close reason is the word of the table. */
export const closeCodes = {
  /** 1001, going away. */
  goaway: 1001,
  malformed: 1007,
  too_long: 1009,
  overloaded: 1013,
  unauthorised: 4401,
  revoked: 4403,
  hello_timeout: 4408,
  replaced: 4409,
  too_fast: 4429,
  unavailable: 4503,
} as const;
export type CloseWord = keyof typeof closeCodes;
