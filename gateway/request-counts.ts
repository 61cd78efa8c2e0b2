/** What operators are told of requests over HTTP. Routes are words of the code: a method, and a path with `*` where names stand. */
import type { ServerResponse } from 'node:http';
import type { Probe } from '../runtime/index.ts';
import { HttpRefusal } from './errors.ts';

/** Of a request that no route takes. */
const no_route = 'none';
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS']);

export class RequestCounts {
  readonly #probe: Probe | undefined;

  constructor(probe: Probe | undefined) {
    this.#probe = probe;
  }

  /** `route`: '' for none. Since `startMs`, as `performance.now` tells it. */
  answered(route: string, answer: { readonly status: number } | HttpRefusal, startMs: number): void {
    this.#count(route === '' ? no_route : route, String(answer.status), startMs);
    if (answer instanceof HttpRefusal) this.refused(answer);
  }

  refused({ code }: HttpRefusal): void {
    this.#probe?.count('http_refusals', code, 1);
  }

  /** Where bytes come in or go out: counted when that is over, `cut` where it was broken off. */
  follow(method: string, path: string, response: ServerResponse, startMs: number): void {
    if (this.#probe === undefined) return;
    const route = `${methods.has(method) ? method : 'OTHER'} ${path}`;
    response.once('close', () => {
      this.#count(route, response.writableFinished ? String(response.statusCode) : 'cut', startMs);
    });
  }

  #count(route: string, status: string, startMs: number): void {
    this.#probe?.count('http_requests', `${route} ${status}`, 1);
    this.#probe?.took('http_request', route, performance.now() - startMs);
  }
}
