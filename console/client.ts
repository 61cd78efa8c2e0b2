/** The console's other end: what tools call a node with. */
import { Client, credentials as grpcCredentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { adminService, loadDefinition } from './definition.ts';
import type { ClusterWords, MethodName, Reply, Request } from './words.ts';

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

  /** The cluster every so often, until the reader stops or the node goes: then it throws an AdminError; so it does when `givenUp` says so, also while it waits. */
  async *watch(everyMs: number, givenUp?: AbortSignal): AsyncGenerator<ClusterWords> {
    const { path, requestSerialize, responseDeserialize } = this.#definitionOf('WatchCluster');
    const stream = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { everyMs },
      this.#metadata,
    );
    givenUp?.addEventListener('abort', () => stream.cancel(), { once: true });
    try {
      for await (const cluster of stream) yield cluster as ClusterWords;
    } catch (error) {
      throw adminError(error as ServiceError);
    } finally {
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
