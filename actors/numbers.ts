/** Numbers as keys whose byte order is their order: eight digits of base 36. */
export function numberKey(n: number): string {
  return n.toString(36).padStart(8, '0');
}

export function numberOf(key: string): number {
  return Number.parseInt(key, 36);
}
