/** One table of what the gateway answers over HTTP when it does not do as asked: the status, the words, whether to try again. */
export const errors = {
  malformed: { status: 400, reason: 'The body is not a JSON object with the fields of this request.', retry: false },
  bad_user: {
    status: 400,
    reason: 'A user name is 1 to 32 of a-z 0-9 . _ - and begins with a letter or digit.',
    retry: false,
  },
  bad_device: { status: 400, reason: 'A device name is 1 to 32 of A-Z a-z 0-9 . _ -', retry: false },
  bad_password: { status: 400, reason: 'The password is too short or too long.', retry: false },
  not_an_upgrade: { status: 400, reason: 'Only a WebSocket handshake is served here.', retry: false },
  unknown_subprotocol: {
    status: 400,
    reason: 'Offer the subprotocol ringpost.v1.msgpack or ringpost.v1.json.',
    retry: false,
  },
  bad_login: { status: 401, reason: 'There is no such account, or the password is not right.', retry: false },
  unauthorised: { status: 401, reason: 'An access token is needed; this one is missing or not valid.', retry: false },
  expired_token: { status: 401, reason: 'The access token has expired; refresh it.', retry: false },
  revoked: { status: 401, reason: 'This device was removed from the account.', retry: false },
  bad_refresh: { status: 401, reason: 'The refresh token is not valid any more; log in again.', retry: false },
  wrong_password: { status: 403, reason: 'The password is not right.', retry: false },
  forbidden_origin: { status: 403, reason: 'Pages of this origin may not talk to this server.', retry: false },
  not_found: { status: 404, reason: 'There is nothing at this address.', retry: false },
  unknown_socket: {
    status: 404,
    reason: 'This server has no such socket, or not any more; open another one.',
    retry: false,
  },
  unknown_upload: { status: 404, reason: 'There is no such upload here; begin it again.', retry: false },
  unknown_file: { status: 404, reason: 'There is no such file for this account.', retry: false },
  unfinished_upload: { status: 409, reason: 'Not all bytes of this upload have come.', retry: false },
  bad_signature: { status: 403, reason: 'This address was not made for this file and user.', retry: false },
  expired_url: { status: 403, reason: 'This address was good for some minutes; ask for another.', retry: false },
  file_too_large: { status: 413, reason: 'The file is larger than a file of its kind may be.', retry: false },
  image_too_large: { status: 422, reason: 'The image has more bytes or pixels than an image may have.', retry: false },
  bad_image: { status: 422, reason: 'The file says that it is an image, and is none.', retry: false },
  bad_file: { status: 422, reason: 'The file took too much time or memory to be looked into.', retry: false },
  bad_range: { status: 416, reason: 'The file has no such range of bytes.', retry: false },
  too_many_uploads: { status: 429, reason: 'Finish some of the uploads that are under way first.', retry: true },
  too_many_files: { status: 429, reason: 'This account has uploaded as many files lately as it may.', retry: true },
  no_files: { status: 501, reason: 'This server keeps no files.', retry: false },
  unknown_device: { status: 404, reason: 'The account has no such device.', retry: false },
  wrong_method: { status: 405, reason: 'This address does not take that method.', retry: false },
  out_of_order: {
    status: 409,
    reason: 'Frames are numbered from 1, and sent one after another.',
    retry: false,
  },
  already_read: { status: 409, reason: 'This socket is being read by a stream of events.', retry: false },
  unknown_bot: { status: 404, reason: 'The account has no such bot.', retry: false },
  bad_url: { status: 400, reason: 'This is not an address that the server may call.', retry: false },
  bad_subscription: { status: 400, reason: 'This is not a push subscription.', retry: false },
  too_many_bots: { status: 409, reason: 'The account has as many bots as it may have; remove one.', retry: false },
  taken: { status: 409, reason: 'This user name is taken.', retry: false },
  too_many_devices: {
    status: 409,
    reason: 'The account has as many devices as it may have; remove one.',
    retry: false,
  },
  exporting: { status: 409, reason: 'The data of this account are being exported already.', retry: true },
  too_long: { status: 413, reason: 'The body is too long.', retry: false },
  unsupported_type: { status: 415, reason: 'The body must be JSON, and its type must say so.', retry: false },
  too_fast: { status: 429, reason: 'Too many requests from this address; slow down.', retry: true },
  too_many_sockets: { status: 429, reason: 'Too many sockets from this address.', retry: true },
  internal: { status: 500, reason: 'The server failed at this request; it has been noted.', retry: true },
  overloaded: { status: 503, reason: 'The server is at its limit; try again shortly.', retry: true },
  leaving: { status: 503, reason: 'This server is leaving; go to another one.', retry: true },
  not_serving: {
    status: 503,
    reason: 'This server is not part of a working cluster now; go to another one.',
    retry: true,
  },
  unavailable: {
    status: 503,
    reason: 'The account is being moved to another server, nothing was done; try again shortly.',
    retry: true,
  },
  unknown_outcome: {
    status: 503,
    reason: 'No answer came in time: it may or may not have been done; look, or try again.',
    retry: true,
  },
} as const satisfies {
  readonly [code: string]: { readonly status: number; readonly reason: string; readonly retry: boolean };
};
export type ErrorCode = keyof typeof errors;

/** Why this edge takes no more clients at the moment. */
export type NoEntry = Extract<ErrorCode, 'leaving' | 'not_serving' | 'overloaded'>;

/** Clients that are told all at once to come again should not come again all at once. */
const again_ms_min = 1_000;
const again_ms_spread = 1_000;

export function refusalOf(shut: NoEntry): HttpRefusal {
  return new HttpRefusal(shut, again_ms_min + Math.floor(Math.random() * again_ms_spread));
}

/** A request that was not carried out. A class, so that no body of a client can look like one. */
export class HttpRefusal {
  readonly code: ErrorCode;
  readonly afterMs: number | undefined;
  readonly allow: string | undefined;

  /** `afterMs`: the earliest time at which to try again. `allow`: the methods that an address does take. */
  constructor(code: ErrorCode, afterMs?: number, allow?: string) {
    this.code = code;
    this.afterMs = afterMs;
    this.allow = allow;
  }

  get status(): number {
    return errors[this.code].status;
  }

  get body(): object {
    const { reason, retry } = errors[this.code];
    return { error: { code: this.code, reason, retry, ...(this.afterMs !== undefined && { afterMs: this.afterMs }) } };
  }

  /** The same request may succeed later. */
  get retry(): boolean {
    return errors[this.code].retry;
  }

  /** Beyond those of every answer. */
  get headers(): { readonly [name: string]: string } {
    return {
      ...(this.afterMs !== undefined && { 'retry-after': String(Math.ceil(this.afterMs / 1000)) }),
      ...(this.allow !== undefined && { allow: this.allow }),
      ...(this.status === 401 && { 'www-authenticate': 'Bearer' }),
    };
  }
}
