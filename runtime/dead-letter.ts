import type { Mail } from './cell.ts';

/** Of an error's words. */
const why_chars_max = 1_000;

/** A mail whose turns threw too often, as it is kept for an operator. */
export interface DeadLetter {
  readonly to: string;
  /** '' where no actor sent it. */
  readonly from: string;
  readonly body: { readonly kind: string };
  readonly why: string;
  /** When it was given up, ms since the Unix epoch. */
  readonly at: number;
}

export function deadLetter({ to, from = '', body }: Mail, error: unknown, at: number): DeadLetter {
  return { to, from, body, why: errorWords(error), at };
}

/** What a turn threw, for operators. */
export function errorWords(error: unknown): string {
  const why = error instanceof Error ? `${error.name}: ${error.message}` : `threw a ${typeof error}`;
  return why.slice(0, why_chars_max);
}
