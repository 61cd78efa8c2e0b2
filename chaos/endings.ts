/** What must be undone when a run ends, however it ends: the last thing that was begun first. */
type End = () => Promise<unknown> | unknown;

export class Endings {
  #ends: End[] = [];

  add(end: End): void {
    this.#ends.push(end);
  }

  /** One that fails does not keep the others from it. */
  async run(): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      try {
        await end();
      } catch (error) {
        process.stderr.write(`while ending: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    }
  }
}
