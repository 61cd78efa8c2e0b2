/** What the conductor may ask of the load's thread, and what is answered. */
import type { TransportName } from '../../client/index.ts';
import type { Entry } from '../history.ts';

export interface UserPlan {
  readonly name: string;
  /** The first one sends; the others look on. */
  readonly devices: readonly string[];
  /** In this order. */
  readonly urls: readonly string[];
  /** Follows the server's hint to the node that its account lives on; otherwise it stays with `urls`. */
  readonly goesHome: boolean;
  /** What its devices' connections are made of. */
  readonly transport: TransportName;
  /** To whom it writes. */
  readonly peers: readonly string[];
}

export interface Drained {
  /** Every message has come wherever it should, read receipts included. */
  readonly complete: boolean;
  /** What has not come, in words. */
  readonly missing: readonly string[];
}

export interface Orders {
  /** Makes the accounts, connects all devices, and makes the groups: each of these users, the first of whom makes it. */
  readonly open: {
    readonly order: {
      readonly users: readonly UserPlan[];
      readonly groups: readonly (readonly string[])[];
      readonly seed: number;
    };
    readonly answer: null;
  };
  /** Messages a second over all users, whatever becomes of those before. */
  readonly run: { readonly order: { readonly rate: number }; readonly answer: null };
  /** A fault has struck: every user sends at once, spread over a few ms, so that the first send after it is soon after it. */
  readonly mark: { readonly order: null; readonly answer: null };
  /** Answers how late the generator itself ever was with a message, ms. */
  readonly stop: { readonly order: null; readonly answer: { readonly lagMs: number } };
  readonly drain: { readonly order: { readonly quietMs: number; readonly mostMs: number }; readonly answer: Drained };
  /** The entries since the last time. */
  readonly take: { readonly order: null; readonly answer: readonly Entry[] };
  /** Users who have had a message accepted that was sent at `since` or later. */
  readonly servedSince: { readonly order: { readonly since: number }; readonly answer: number };
  /** Cuts the sockets of all devices, without a word to the other side. Answers how many. */
  readonly cut: { readonly order: null; readonly answer: number };
  /** Ends these users' sending devices as a kill of their process would, and starts them from what they had stored. */
  readonly restart: { readonly order: { readonly users: readonly string[] }; readonly answer: null };
  /** A new device of each user gets the account's whole history from the server, and goes again. */
  readonly audit: { readonly order: null; readonly answer: null };
  /** The url that each user's sending device is connected to. */
  readonly whereabouts: { readonly order: null; readonly answer: { readonly [user: string]: string } };
  readonly close: { readonly order: null; readonly answer: null };
}

export type Kind = keyof Orders;
export type Order = {
  readonly [K in Kind]: { readonly id: number; readonly kind: K; readonly order: Orders[K]['order'] };
}[Kind];
export type Answer =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failed: string };
