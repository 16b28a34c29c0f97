import { MoltbotError, type Scope } from '@moltbot/contracts';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';
import { type Caller, sourceOf } from './caller.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard of Nest's routes that need a scope. */
    caller?: Caller;
  }
}

export const SCOPE = Symbol('scope');

/** Lets callers with the scope of `RequireScope` in. In open access that is this machine's user, but no web page elsewhere. */
@Injectable()
export class ScopeGuard implements CanActivate {
  readonly #core: Core;
  readonly #reflector: Reflector;

  constructor(@Inject(CORE) core: Core, @Inject(Reflector) reflector: Reflector) {
    this.#core = core;
    this.#reflector = reflector;
  }

  /** @throws MoltbotError as `Access.check` and `Access.permit` */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { access, limits, requestIds, storage } = this.#core;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const scope = this.#reflector.getAllAndOverride<Scope>(SCOPE, [context.getHandler(), context.getClass()]);
    const caller: Caller = { identity: undefined, requestId: requestIds.next(), source: sourceOf(request) };
    request.caller = caller;
    if (access.callersAreLocal) refuseOtherSites(request);
    const identity = await access.check(request.headers);
    request.caller = { ...caller, identity };
    access.permit(identity, scope);
    if (identity !== undefined) storage.apiKeys.touch(identity.keyId);
    const standing = scope === 'jobs' && isCounted(request) ? await limits.count(identity) : {};
    void http.getResponse<FastifyReply>().headers({
      ...standing,
      'x-request-id': caller.requestId,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    return true;
  }
}

/** What is submitted counts as a request; what it then uses of models is counted where it is used. Who is at the limit can still cancel. */
function isCounted({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'POST' && routeOptions.url?.endsWith('/cancel') !== true;
}

/** A page's GET may come without an Origin; browsers then still say that it is of another site (Fetch Metadata). */
function refuseOtherSites(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw new MoltbotError('forbidden_origin');
}
