/** Stands before every method, with one answer or many: nobody gets past whose role is not enough. */
import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { Log } from '../runtime/index.ts';
import type { Access, Caller } from './access.ts';
import { mayAct, roleNeeded } from './roles.ts';

type AuthContext = ReturnType<ServerInterceptingCall['getAuthContext']>;

export function guard(access: Access, log: Log): ServerInterceptor {
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata(metadata, go) {
            const caller = callerOf(access, metadata, call.getAuthContext());
            const objection = objectionTo(path, caller);
            if (objection === undefined) {
              go(metadata);
              return;
            }
            log.warn(
              { method: path, who: caller?.who ?? '', peer: call.getPeer() },
              'a call of the console was refused',
            );
            call.sendStatus(objection);
          },
        }),
    });
}

export function callerOf(access: Access, metadata: Metadata, context: AuthContext): Caller | undefined {
  const [header] = metadata.get('authorization');
  return access.callerOf(typeof header === 'string' ? header : undefined, context.sslPeerCertificate);
}

function objectionTo(path: string, caller: Caller | undefined): { code: status; details: string } | undefined {
  const needed = roleNeeded(path);
  if (needed === 'anyone') return undefined;
  if (caller === undefined) {
    return { code: status.UNAUTHENTICATED, details: 'a certificate or token that is known here is wanted' };
  }
  if (needed !== undefined && mayAct(caller.role, needed)) return undefined;
  const details = `${caller.who} is ${caller.role}; this takes ${needed ?? 'a role that nobody has'}`;
  return { code: status.PERMISSION_DENIED, details };
}
