/** The console's other end: what tools call a node with. */
import { Client, credentials as grpcCredentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { adminService, loadDefinition } from './definition.ts';
import type { Item, MethodName, Reply, Request, StreamName, StreamRequest } from './words.ts';

export interface AdminClientOptions {
  /** `host:port` of nodes; the first that answers is taken. */
  readonly nodes: readonly string[];
  readonly token?: string;
  /** In PEM; a certificate of one's own where the nodes want one. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

/** A call that came to nothing: gRPC's status by name, and words. */
export class AdminError extends Error {
  readonly status: string;

  constructor(name: string, words: string) {
    super(words);
    this.name = 'AdminError';
    this.status = name;
  }
}

const call_wait_ms = 15_000;

export class AdminClient {
  readonly #clients: readonly Client[];
  readonly #metadata = new Metadata();
  readonly #service = adminService(loadDefinition()).service;
  /** The one that answered last. */
  #at = 0;

  constructor({ nodes, token, tls }: AdminClientOptions) {
    const channel =
      tls === undefined
        ? grpcCredentials.createInsecure()
        : grpcCredentials.createSsl(tls.ca, tls.key ?? null, tls.cert ?? null);
    this.#clients = nodes.map((node) => new Client(node, channel));
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token}`);
  }

  /** Rejects with an AdminError. A node that can't be reached has carried out nothing, so the next one is asked. */
  async call<M extends MethodName>(method: M, request: Request<M>, waitMs = call_wait_ms): Promise<Reply<M>> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#callOne(method, request, waitMs);
      } catch (error) {
        if (!(error instanceof AdminError) || error.status !== 'UNREACHABLE' || tries >= this.#clients.length)
          throw error;
        this.#at = (this.#at + 1) % this.#clients.length;
      }
    }
  }

  #callOne<M extends MethodName>(method: M, request: Request<M>, waitMs: number): Promise<Reply<M>> {
    const { path, requestSerialize, responseDeserialize } = this.#definitionOf(method);
    const deadline = Date.now() + waitMs;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        { deadline },
        (error, reply) => (error === null ? resolve(reply as Reply<M>) : reject(adminError(error))),
      );
    });
  }

  /**
   * Answers until the reader stops or the node ends it; when the node goes it throws an AdminError; so it does when `givenUp` says so, also while it
   * waits. A node that can't be reached has begun nothing, so the next one is asked.
   */
  async *stream<S extends StreamName>(
    method: S,
    request: StreamRequest<S>,
    givenUp?: AbortSignal,
  ): AsyncGenerator<Item<S>> {
    for (let tries = 1; ; tries++) {
      let hasBegun = false;
      try {
        for await (const item of this.#streamOne(method, request, givenUp)) {
          hasBegun = true;
          yield item;
        }
        return;
      } catch (error) {
        const isLast = hasBegun || tries >= this.#clients.length || givenUp?.aborted === true;
        if (isLast || !(error instanceof AdminError) || error.status !== 'UNREACHABLE') throw error;
        this.#at = (this.#at + 1) % this.#clients.length;
      }
    }
  }

  async *#streamOne<S extends StreamName>(
    method: S,
    request: StreamRequest<S>,
    givenUp: AbortSignal | undefined,
  ): AsyncGenerator<Item<S>> {
    const { path, requestSerialize, responseDeserialize } = this.#definitionOf(method);
    const stream = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      this.#metadata,
    );
    const cancel = (): void => stream.cancel();
    givenUp?.addEventListener('abort', cancel, { once: true });
    try {
      for await (const item of stream) yield item as Item<S>;
    } catch (error) {
      throw adminError(error as ServiceError);
    } finally {
      givenUp?.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  get #client(): Client {
    const client = this.#clients[this.#at];
    if (client === undefined) throw new RangeError('no node to call');
    return client;
  }

  #definitionOf(name: string) {
    const definition = this.#service[name];
    if (definition === undefined) throw new RangeError(`no method ${name}`);
    return definition;
  }
}

function adminError({ code, details }: ServiceError): AdminError {
  // What the server itself says of a partition has no such words in it.
  const isUnreachable =
    code === status.UNAVAILABLE &&
    /No connection established|ECONNREFUSED|Name resolution|Connection dropped/i.test(details);
  return new AdminError(isUnreachable ? 'UNREACHABLE' : (status[code] ?? 'UNKNOWN'), details);
}
