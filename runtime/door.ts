/** What the rest of a process sees of its node: the way in to the actors, and the sockets that hang on them. */
import type { Address, MailOf, Outlet, Protocol, Push, Ref, ReplyOf } from './actor.ts';

/** Why mail was not taken. `moved`: the owner is changing; `full`: a bound was reached; both may succeed a moment later. */
export type Refusal = 'full' | 'moved' | 'stopped' | 'failed' | 'too_late';

export type Asked<R> =
  | { readonly kind: 'reply'; readonly value: R }
  /** Certainly not carried out. */
  | { readonly kind: 'refused'; readonly why: Refusal }
  /** The deadline passed or the owner died: it may or may not have been carried out. */
  | { readonly kind: 'unknown'; readonly why: string };

export interface OpenOutlet {
  readonly outlet: Outlet;
  close(): void;
}

export interface Door {
  readonly node: string;
  readonly incarnation: string;
  /** Asks an actor wherever it lives; retries by itself while the mail is certainly not carried out and time is left. */
  ask<P extends Protocol, K extends keyof P & string>(
    to: Ref<P>,
    mail: { readonly kind: K } & P[K]['mail'],
    waitMs?: number,
  ): Promise<Asked<ReplyOf<P, K>>>;
  /** The node that an actor lives on, as far as is known here; '' while nobody owns its partition. */
  nodeOf<P extends Protocol>(to: Ref<P>): string;
  /** The notice of the node that an actor lives on, as far as is known here: '' where it gave none. */
  homeOf<P extends Protocol>(to: Ref<P>): string;
  /** Volatile mail, at most once; the answer says only whether it went off. `trace`: it is followed, by that context of the tracer's. */
  whisper<P extends Protocol>(to: Ref<P>, mail: MailOf<P>, trace?: string): 'ok' | 'full' | 'moved';
  /**
   * Opens a place that the actor `to` can push to. `moved` is called when that actor may have lost its memory of the outlet, or
   * something on the way was lost: introduce the outlet to it again. `trace`: the push is followed.
   */
  openOutlet<P extends Protocol>(
    to: Ref<P>,
    receive: (push: Push, trace?: string) => void,
    moved: () => void,
  ): OpenOutlet;
  /**
   * Listens to what the actors of this node signal by that name; the answer ends it. `value` is as the actor gave it: it may not be changed.
   * Throws a TypeError on a second listener.
   */
  onSignal(name: string, heard: (from: Address, value: unknown) => void): () => void;
}
