/** Ownership as JSON, for an operator's eyes. JSON has no undefined: an owner that is not there is null. */
import type { Owner, Ownership } from '../ports.ts';

export interface PlainOwnership {
  readonly owners: readonly (Owner | null)[];
  readonly epochs: readonly number[];
  readonly formats?: readonly number[];
  readonly pins?: readonly string[];
}

export function plainOwnership({ owners, ...rest }: Ownership): PlainOwnership {
  return { owners: owners.map((owner) => owner ?? null), ...rest };
}

export function ownershipOf({ owners, epochs, formats, pins }: PlainOwnership): Ownership {
  const optional = { ...(formats && { formats }), ...(pins && { pins }) };
  return { owners: owners.map((owner) => owner ?? undefined), epochs, ...optional };
}
