/** A rule of docs/ARCHITECTURE.md §2, or one of the simulator's own, that does not hold. */
export class Violation extends Error {
  /** `A1` to `A11`; `client`, `converges`, `not vacuous`, `deterministic`. */
  readonly rule: string;
  /** What it is about, as the trace names it: users, messages, partitions, nodes. */
  readonly about: readonly string[];

  constructor(rule: string, words: string, about: readonly string[]) {
    super(words);
    this.name = 'Violation';
    this.rule = rule;
    this.about = about;
  }
}
