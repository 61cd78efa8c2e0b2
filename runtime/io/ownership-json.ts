/** Ownership as JSON, for an operator's eyes. JSON has no undefined: an owner that is not there is null. */
import type { Owner, Ownership } from '../ports.ts';

export interface PlainOwnership {
  readonly owners: readonly (Owner | null)[];
  readonly epochs: readonly number[];
}

export function plainOwnership({ owners, epochs }: Ownership): PlainOwnership {
  return { owners: owners.map((owner) => owner ?? null), epochs };
}

export function ownershipOf({ owners, epochs }: PlainOwnership): Ownership {
  return { owners: owners.map((owner) => owner ?? undefined), epochs };
}
