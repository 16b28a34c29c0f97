import { anthropicMessagesDoor, openAiChatDoor } from '@moltbot/providers';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
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
    const requestId = this.#core.requestIds.next();
    // Terminus answers a failed check by an exception whose body is the report.
    if (exception instanceof HttpException && exception.getStatus() === 503) {
      void reply.code(503).header('x-request-id', requestId).send(exception.getResponse());
      return;
    }
    const error = toMoltbotError(exception);
    if (error.code === 'internal_error') this.#core.reportFault(requestId, error);
    const door = request.headers['anthropic-version'] === undefined ? openAiChatDoor : anthropicMessagesDoor;
    const answer = errorAnswer({ error, door, requestId });
    sendError({ request, reply, answer });
  }
}
