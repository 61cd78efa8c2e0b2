/** What changes something: it is written to the audit log before it is carried out, and how it ended afterwards. */
import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { AuditEntry, AuditProtocol, Deed } from '../proto/audit-words.ts';
import type { Log, Node, Ref } from '../runtime/index.ts';
import type { Caller } from './access.ts';
import { Failure, invalid, replyOf } from './failures.ts';
import type { Done } from './words.ts';

const reason_chars_max = 500;
const target_chars_max = 1_000;
const outcome_chars_max = 300;
const append_wait_ms = 10_000;

export interface Change {
  readonly method: string;
  /** What it is about: plain, and no secret. */
  readonly target: object;
  readonly reason: string;
}

export class Changes {
  readonly #node: Node;
  readonly #audit: Ref<AuditProtocol>;
  readonly #log: Log;

  constructor(node: Node, audit: Ref<AuditProtocol>, log: Log) {
    this.#node = node;
    this.#audit = audit;
    this.#log = log;
  }

  /** Rejects with a Failure; nothing is carried out that the log could not take before. */
  async make(caller: Caller, change: Change, carryOut: () => Promise<unknown>): Promise<Done> {
    const { audit } = await this.find(caller, change, carryOut, () => '');
    return { audit };
  }

  /** As `make`, with what came of it, of which the log is told in words. */
  async find<T>(
    { who, role }: Caller,
    { method, target, reason }: Change,
    carryOut: () => Promise<T>,
    outcomeOf: (found: T) => string,
  ): Promise<Done & { readonly found: T }> {
    if (reason.trim() === '') throw invalid('why? a reason is wanted, for the audit log');
    if (reason.length > reason_chars_max) throw invalid(`a reason has at most ${reason_chars_max} characters`);
    const text = JSON.stringify(target);
    if (text.length > target_chars_max) throw invalid('what it is about takes too many characters');
    const deed = { who, role, node: this.#node.node, method, target: text, reason };
    const { number } = await this.#begun({ ...deed, outcome: 'begun' });
    let found: T;
    try {
      found = await carryOut();
    } catch (error) {
      await this.#ended({ ...deed, outcome: failureOf(error) }, number);
      throw error;
    }
    const words = outcomeOf(found);
    const outcome = `done (${number})${words === '' ? '' : `: ${words}`}`.slice(0, outcome_chars_max);
    await this.#ended({ ...deed, outcome }, number);
    return { audit: number, found };
  }

  async #begun(deed: Deed): Promise<AuditEntry> {
    let entry: AuditEntry | null;
    try {
      entry = await this.#append(deed);
    } catch (error) {
      throw new Failure(
        status.UNAVAILABLE,
        `nothing was changed, for the audit log can't be written: ${wordsOf(error)}`,
      );
    }
    if (entry !== null) return entry;
    const words = 'nothing was changed, for the audit log is full: export it, then drop its oldest entries';
    throw new Failure(status.RESOURCE_EXHAUSTED, words);
  }

  /** It is done, or not, whatever the log says now. */
  async #ended(deed: Deed, number: number): Promise<void> {
    try {
      await this.#append(deed);
    } catch (error) {
      this.#log.error({ error, audit: number }, 'the end of a change is not in the audit log');
    }
  }

  async #append(deed: Deed): Promise<AuditEntry | null> {
    return replyOf(await this.#node.ask(this.#audit, { kind: 'append', ticket: randomUUID(), deed }, append_wait_ms));
  }
}

function failureOf(error: unknown): string {
  const code = error instanceof Failure ? status[error.code] : 'INTERNAL';
  return `${code}: ${wordsOf(error)}`.slice(0, outcome_chars_max);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
