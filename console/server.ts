/** The console's end at a node: a gRPC server with the Admin service, health, and reflection if wanted. */
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { Access, type AccessSettings, type Caller } from './access.ts';
import { adminService, healthService, loadDefinition } from './definition.ts';
import { Failure, refusalOf } from './failures.ts';
import { callerOf, guard } from './guard.ts';
import { type Handlers, handlers, type ServiceOptions } from './service.ts';
import { everySoOften, type Streaming, streaming, type Watches } from './streaming.ts';
import type { MethodName } from './words.ts';

export interface ConsoleOptions extends ServiceOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly access: AccessSettings;
  /** In PEM. `ca`: who signs the certificates of those who call; undefined asks for none. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer | undefined } | undefined;
  /** Common tools may ask which methods there are. */
  readonly reflection: boolean;
  /** False while the node is not up. */
  serving(): boolean;
}

export interface Console {
  readonly port: number;
  close(): Promise<void>;
}

const request_bytes_max = 64 * 1024;
const close_wait_ms = 1_000;
const health_look_ms = 500;

/** Rejects when it can't listen, or the tokens can't be read. */
export async function openConsole(options: ConsoleOptions): Promise<Console> {
  const { host, port, log, tls } = options;
  const access = new Access(options.access);
  const definition = loadDefinition();
  const server = new Server({
    interceptors: [guard(access, log)],
    'grpc.max_receive_message_length': request_bytes_max,
  });
  const watches: Watches = new Set();
  const admin = adminService(definition);
  const streams = streaming(options, (call) => callerAt(access, call), watches);
  server.addService(admin.service, implementation(admin, options, access, streams));
  server.addService(healthService(definition).service, health(options, watches));
  if (options.reflection) new ReflectionService(definition).addToServer(server);
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(
          tls.ca ?? null,
          [{ private_key: tls.key, cert_chain: tls.cert }],
          tls.ca !== undefined,
        );
  const name = host.includes(':') ? `[${host}]` : host;
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${name}:${port}`, credentials, (error, at) => (error === null ? resolve(at) : reject(error)));
  });
  return {
    port: bound,
    close() {
      streams.close();
      for (const watch of watches) watch.end();
      return new Promise((resolve) => {
        const late = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, close_wait_ms);
        server.tryShutdown(() => {
          clearTimeout(late);
          resolve();
        });
      });
    },
  };
}

type Caught = { readonly metadata: Metadata; getAuthContext(): Parameters<typeof callerOf>[2] };

function callerAt(access: Access, call: Caught): Caller {
  const caller = callerOf(access, call.metadata, call.getAuthContext());
  // It was known at the door, a moment ago.
  if (caller === undefined) throw new Failure(status.UNAUTHENTICATED, 'the token is known no longer');
  return caller;
}

function implementation(
  { service }: ServiceClientConstructor,
  options: ConsoleOptions,
  access: Access,
  streams: Streaming,
): UntypedServiceImplementation {
  const methods = handlers(options);
  const served: UntypedServiceImplementation = { ...streams.implementation };
  for (const name of Object.keys(service)) {
    if (isUnary(name, methods))
      served[name] = unary(options, (request, call) => methods[name](request, callerAt(access, call)));
  }
  return served;
}

function isUnary(name: string, methods: Handlers): name is MethodName {
  return Object.hasOwn(methods, name);
}

type Call = Parameters<handleUnaryCall<unknown, unknown>>[0];

function unary(
  { log }: ConsoleOptions,
  answer: (request: never, call: Call) => Promise<unknown>,
): handleUnaryCall<unknown, unknown> {
  return (call, reply) => {
    const carryOut = async (): Promise<unknown> => answer(call.request as never, call);
    carryOut().then(
      (value) => reply(null, value),
      (error: unknown) => reply(refusalOf(error, log, call.getPath())),
    );
  };
}

function health({ serving }: ConsoleOptions, watches: Watches): UntypedServiceImplementation {
  const known = ({ service }: { readonly service: string }): boolean =>
    service === '' || service === 'ringpost.admin.v1.Admin';
  const statusNow = (): string => (serving() ? 'SERVING' : 'NOT_SERVING');
  const check: handleUnaryCall<{ readonly service: string }, unknown> = (call, reply) => {
    if (known(call.request)) reply(null, { status: statusNow() });
    else reply({ code: status.NOT_FOUND, details: 'there is no such service' });
  };
  const watch: handleServerStreamingCall<{ readonly service: string }, unknown> = (call) => {
    let said = '';
    everySoOften(call, watches, health_look_ms, async () => {
      const now = known(call.request) ? statusNow() : 'SERVICE_UNKNOWN';
      if (now === said) return undefined;
      said = now;
      return { status: now };
    });
  };
  return { Check: check, Watch: watch };
}
