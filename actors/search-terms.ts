/**
 * What is searched for, and whether a text holds it. Both are folded: compatibility decomposition (NFKD), no marks, one case. A word is found at the
 * beginning of a word; where a script is written without spaces (Chinese, Japanese, Thai …), and of signs that are no letters, anywhere.
 */
export interface Term {
  readonly text: string;
  /** It need not begin a word. */
  readonly anywhere: boolean;
}

const terms_max = 16;
const plain = /^\p{ASCII}*$/u;
const marks = /\p{M}+/gu;
const wordOrSigns = /[\p{L}\p{N}]+|[^\p{L}\p{N}\s]+/gu;
const isWord = /^[\p{L}\p{N}]/u;
const endsInWord = /[\p{L}\p{N}]$/u;
const spaceless =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** By way of upper case: ß is SS. */
export function folded(text: string): string {
  if (plain.test(text)) return text.toLowerCase();
  const oneCase = text.normalize('NFKD').toLowerCase().toUpperCase().toLowerCase();
  return oneCase.replaceAll(marks, '').replaceAll('ς', 'σ');
}

/** Signs count only where there is no word beside them: what is typed as `"don't!"` is looked for as don and t. */
export function termsOf(words: string): readonly Term[] {
  const terms: Term[] = [];
  for (const piece of folded(words).split(/\s+/u)) {
    const parts = piece.match(wordOrSigns) ?? [];
    const wordsOfIt = parts.filter((part) => isWord.test(part));
    for (const text of wordsOfIt.length > 0 ? wordsOfIt : parts) {
      terms.push({ text, anywhere: !isWord.test(text) || spaceless.test(text) });
    }
  }
  return terms.slice(0, terms_max);
}

/** All of them. */
export function holds(text: string, terms: readonly Term[]): boolean {
  if (terms.length === 0) return true;
  const within = folded(text);
  return terms.every((term) => isIn(within, term));
}

function isIn(text: string, { text: term, anywhere }: Term): boolean {
  for (let at = text.indexOf(term); at !== -1; at = text.indexOf(term, at + 1)) {
    if (anywhere || beginsWord(text, at)) return true;
  }
  return false;
}

function beginsWord(text: string, at: number): boolean {
  if (at === 0) return true;
  // Two units: the letter before may be a pair.
  const before = text.slice(Math.max(0, at - 2), at);
  return !endsInWord.test(before) || spaceless.test(text.slice(isLow(before) ? at - 2 : at - 1, at));
}

function isLow(before: string): boolean {
  const unit = before.charCodeAt(before.length - 1);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
