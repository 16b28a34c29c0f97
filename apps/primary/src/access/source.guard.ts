import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Core } from '../core/core.js';
import { CORE } from '../core/tokens.js';

/** Nest's routes need no key, but while access is open they too are only for this machine's user. */
@Injectable()
export class SourceGuard implements CanActivate {
  readonly #core: Core;

  constructor(@Inject(CORE) core: Core) {
    this.#core = core;
  }

  /** @throws MoltbotError `forbidden_origin` */
  canActivate(context: ExecutionContext): boolean {
    this.#core.access.checkSource(context.switchToHttp().getRequest<FastifyRequest>().headers);
    return true;
  }
}
