/** Ownership as JSON, for an operator's eyes. JSON has no undefined: an owner that is not there is null. */
import type { Owner, Ownership } from '../ports.ts';

export interface PlainOwnership {
  readonly owners: readonly (Owner | null)[];
  readonly epochs: readonly number[];
  readonly formats?: readonly number[];
}

export function plainOwnership({ owners, ...rest }: Ownership): PlainOwnership {
  return { owners: owners.map((owner) => owner ?? null), ...rest };
}

export function ownershipOf({ owners, epochs, formats }: PlainOwnership): Ownership {
  return { owners: owners.map((owner) => owner ?? undefined), epochs, ...(formats && { formats }) };
}
