import { anthropicMessagesDoor, openAiChatDoor } from '@moltbot/providers';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Caller, sourceOf } from '../access/caller.js';
import type { Core } from './core.js';
import { errorAnswer, sendError, toMoltbotError } from './http-errors.js';
import { CORE } from './tokens.js';

/** What Nest's own routes throw, and every path nobody serves, as an error of the caller's dialect. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  readonly #core: Core;

  constructor(@Inject(CORE) core: Core) {
    this.#core = core;
  }

  catch(exception: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const caller = request.caller ?? strangerOf(request, this.#core.requestIds.next());
    const { requestId } = caller;
    // Terminus answers a failed check by an exception whose body is the report.
    if (exception instanceof HttpException && exception.getStatus() === 503) {
      void reply.code(503).header('x-request-id', requestId).send(exception.getResponse());
      return;
    }
    const error = toMoltbotError(exception);
    this.#core.audit.denied({ error, caller, path: request.url, method: request.method });
    if (error.code === 'internal_error') this.#core.reportFault(requestId, error);
    const door = request.headers['anthropic-version'] === undefined ? openAiChatDoor : anthropicMessagesDoor;
    const answer = errorAnswer({ error, door, requestId });
    sendError({ request, reply, answer });
  }
}

function strangerOf(request: FastifyRequest, requestId: string): Caller {
  return { identity: undefined, requestId, source: sourceOf(request) };
}
