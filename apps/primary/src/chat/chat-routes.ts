import type { Identity } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import { anthropicMessagesDoor, type DialectDoor, openAiChatDoor, openAiResponsesDoor } from '@moltbot/providers';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from '../access/access.js';
import { sourceOf } from '../access/caller.js';
import type { Core } from '../core/core.js';
import { errorAnswer, sendError, toMoltbotError } from '../core/http-errors.js';
import { createChatHandler } from './chat-handler.js';
import { collectBody } from './collect-body.js';
import { createCountTokensHandler } from './count-tokens.route.js';
import { createEmbeddingsHandler } from './embeddings.route.js';
import { Exchange } from './exchange.js';
import { createModelsHandlers } from './models.route.js';

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange;
  }
  interface FastifyContextConfig {
    door?: DialectDoor;
    operation?: string;
  }
}

const ALL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * The hot doors: plain Fastify routes beside Nest's (a controller with a guard costs half as much CPU again, see
 * docs/decisions). They have their own access check, error answers and accounting; bodies stay bytes.
 */
export async function registerChatRoutes(fastify: FastifyInstance, core: Core): Promise<void> {
  await fastify.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/json', collectBody(core.settings().server.body_limit));
    scope.decorateRequest('exchange');

    scope.addHook('onRequest', (request, reply, done) => {
      const { config } = request.routeOptions;
      const exchange = new Exchange({
        // Ours, whatever the caller sent: the ledger knows a request by it.
        requestId: core.requestIds.next(),
        door: doorOf(request),
        operation: config.operation ?? 'models',
        response: reply.raw,
        onEnd: (record) => core.requestEnded(exchange, record),
      });
      request.exchange = exchange;
      core.traces?.began(exchange.requestId, request.headers.traceparent);
      const admit = (): void => {
        // RFC 9110 section 10.1.1: a caller that asks first sends its body only now.
        if (request.headers.expect !== undefined) reply.raw.writeContinue();
        done();
      };
      try {
        core.requestBegan(exchange);
        const identity = core.access.check(request.headers);
        if (identity instanceof Promise) {
          void admitLater({ exchange, identity, access: core.access, admit, done });
          return;
        }
        exchange.identity = identity;
        core.access.permit(identity, 'chat');
      } catch (error) {
        done(toMoltbotError(error));
        return;
      }
      admit();
    });

    scope.setErrorHandler((error, request, reply) => {
      answerError({ error, request, reply, core });
    });

    const chat = createChatHandler(core);
    const models = createModelsHandlers(core);
    const hot = [
      { url: '/v1/chat/completions', door: openAiChatDoor, operation: 'chat', handler: chat },
      { url: '/v1/responses', door: openAiResponsesDoor, operation: 'chat', handler: chat },
      { url: '/v1/messages', door: anthropicMessagesDoor, operation: 'chat', handler: chat },
      {
        url: '/v1/messages/count_tokens',
        door: anthropicMessagesDoor,
        operation: 'count-tokens',
        handler: createCountTokensHandler(core),
      },
      { url: '/v1/embeddings', door: openAiChatDoor, operation: 'embeddings', handler: createEmbeddingsHandler(core) },
    ];
    for (const { url, door, operation, handler } of hot) {
      scope.route({ method: 'POST', url, config: { door, operation }, handler });
      refuseOtherMethods(scope, { url, door, taken: ['POST'] });
    }
    const answerModels =
      (read: (request: FastifyRequest) => Promise<unknown>) => async (request: FastifyRequest, reply: FastifyReply) => {
        const answer = await read(request);
        request.exchange.end({ outcome: 'complete' });
        void reply.headers({ 'x-request-id': request.exchange.requestId, 'request-id': request.exchange.requestId });
        return answer;
      };
    for (const [url, read] of [
      ['/v1/models', models.list],
      ['/v1/models/*', models.get],
    ] as const) {
      scope.route({ method: 'GET', url, handler: answerModels(read) });
      refuseOtherMethods(scope, { url, taken: ['GET', 'HEAD'] });
    }
  });
}

async function admitLater(options: {
  readonly exchange: Exchange;
  readonly identity: Promise<Identity | undefined>;
  readonly access: Access;
  readonly admit: () => void;
  readonly done: (error: Error) => void;
}): Promise<void> {
  const { exchange, identity, access, admit, done } = options;
  try {
    exchange.identity = await identity;
    access.permit(exchange.identity, 'chat');
  } catch (error) {
    done(toMoltbotError(error));
    return;
  }
  admit();
}

/** `/v1/models` belongs to both vendors: the version header tells whose client asks. */
function doorOf(request: FastifyRequest): DialectDoor {
  return (
    request.routeOptions.config.door ??
    (request.headers['anthropic-version'] === undefined ? openAiChatDoor : anthropicMessagesDoor)
  );
}

/** Answers a failure in the caller's dialect and ends its exchange. Nothing may have been written yet. */
export function answerError(options: {
  readonly error: unknown;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly core: Core;
}): void {
  const { request, reply, core } = options;
  const { exchange } = request;
  const thrown = toRequestError(options.error, request);
  const error = exchange.causeOf(thrown);
  if (error.code === 'internal_error') core.reportFault(exchange.requestId, error);
  const { identity, requestId } = exchange;
  const caller = { identity, requestId, source: sourceOf(request) };
  core.audit.denied({ error, caller, path: request.url, method: request.method });
  const cancelled = error.code === 'client_closed';
  exchange.end({
    outcome: cancelled ? 'cancelled' : 'failed',
    errorCode: error.code,
    attempts: thrown.attempts.length,
  });
  // What still runs upstream for it has no reader.
  exchange.cancel();
  if (reply.raw.headersSent || reply.raw.destroyed) {
    reply.raw.destroy();
    return;
  }
  const { limitHeaders } = exchange;
  for (let index = 0; index < limitHeaders.length; index += 2) {
    void reply.header(limitHeaders[index] ?? '', limitHeaders[index + 1]);
  }
  const answer = errorAnswer({ error, door: exchange.door, requestId: exchange.requestId });
  sendError({ request, reply, answer });
}

/** A body that broke off in the middle was not wrong: its caller left. */
function toRequestError(error: unknown, request: FastifyRequest): MoltbotError {
  if (request.raw.aborted || (request.raw.destroyed && !request.raw.complete)) {
    return new MoltbotError('client_closed', undefined, { cause: error });
  }
  return toMoltbotError(error);
}

function refuseOtherMethods(
  scope: FastifyInstance,
  { url, door, taken }: { url: string; door?: DialectDoor; taken: readonly string[] },
): void {
  scope.route({
    method: ALL_METHODS.filter((method) => !taken.includes(method)),
    url,
    config: { ...(door && { door }), operation: 'refused' },
    // Without this a body would be judged before the method.
    onRequest: (_request, reply, done) => {
      // RFC 9110 section 15.5.6
      void reply.header('allow', taken.join(', '));
      done(new MoltbotError('method_not_allowed', `${url} takes ${taken.join(', ')} only.`));
    },
    handler: () => undefined,
  });
}
