/** Mail about files: between the gateway, the actor of each file, and the users and groups whose messages hold it. */
import type { FileFacts, FileId, MessageAt } from './file-words.ts';
import type { DeviceId, RefusalCode, UserId } from './words.ts';

/** Which of the blobs that were ever stored under one hash: a file that was forgotten and comes again has another. */
export type Generation = string;

/** A file as its actor keeps it. */
export interface KeptFile extends FileFacts {
  readonly generation: Generation;
}

/** The file actor, `file/<hash>`: who holds the file, and whether its bytes are stored. */
export type FileProtocol = {
  // ---- from the gateway that has its bytes
  /** `user` has uploaded it. `known`: it is stored already, and is the user's for a while; else it is to be stored under `generation`. */
  offer: {
    mail: { readonly user: UserId; readonly forMs: number };
    reply:
      | { readonly kind: 'known'; readonly file: KeptFile }
      | { readonly kind: 'wanted'; readonly generation: Generation };
  };
  /** Its bytes are stored. The reply tells the file as it is: of another generation where somebody else was first. Undefined: not asked for, offer again. */
  stored: {
    mail: { readonly user: UserId; readonly forMs: number; readonly file: KeptFile };
    reply: { readonly file?: KeptFile };
  };
  /** Where the bytes are. */
  find: { mail: object; reply: { readonly file?: KeptFile } };
  // ---- from the gateway's collector
  /** There is a blob of this generation: `gone` when nobody needs it, nor ever will. */
  collect: {
    mail: { readonly generation: Generation; readonly graceMs: number };
    reply: { readonly gone: boolean };
  };
  // ---- from users and groups (durable)
  /** A message holds it, named by who keeps the message and where. */
  hold: { mail: { readonly holder: string }; reply: never };
  release: { mail: { readonly holder: string }; reply: never };
};

/** Whose login a request over HTTP came with. */
export interface Login {
  readonly device: DeviceId;
  readonly session: string;
}

export type Permission<T extends object = object> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly code: FileRefusal };
export type FileRefusal = Extract<
  RefusalCode,
  'unauthorised' | 'revoked' | 'expired_token' | 'unknown_file' | 'too_many_files'
>;

/** What the gateway asks a user. */
export type FileOwnerProtocol = {
  /** May this login upload? */
  mayUpload: { mail: { readonly login: Login }; reply: Permission };
  /** It has uploaded a file, which it may send for so long. */
  uploaded: { mail: { readonly login: Login; readonly file: FileFacts; readonly forMs: number }; reply: Permission };
  /**
   * May it have this file: by a message, or because it uploaded it? `ask`: the group is to say. `name`: what the sender called it.
   */
  mayFetch: {
    mail: { readonly login: Login; readonly file: FileId; readonly by?: MessageAt };
    reply: Permission<{ readonly name: string; readonly ask: boolean }>;
  };
  /** Is it this user's picture, and may `asker` see that? */
  mayFetchPicture: { mail: { readonly asker: UserId; readonly file: FileId }; reply: Permission };
};

/** What the gateway asks a group. */
export type FileGroupProtocol = {
  mayFetch: {
    mail: { readonly user: UserId; readonly file: FileId; readonly from: UserId; readonly seq: number };
    reply: Permission<{ readonly name: string }>;
  };
};
