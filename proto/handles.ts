/** What users can be found by besides their names. */
export type HandleKind = 'email' | 'phone';
export const handleKinds: readonly HandleKind[] = ['email', 'phone'];

/**
 * The form in which two spellings of one email or phone number are equal: small letters, digits. '' for what can be no such thing. A number without its country's
 * code is another one than that with it.
 */
export function handleOf(by: HandleKind, text: string): string {
  if (by === 'email') return text.normalize('NFKC').trim().toLowerCase();
  const digits = text.replace(/[^0-9]/g, '');
  if (digits === '') return '';
  if (text.trim().startsWith('+')) return `+${digits}`;
  return digits.startsWith('00') ? `+${digits.slice(2)}` : digits;
}
