import type { Identity } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import { anthropicMessagesDoor, type DialectDoor, openAiChatDoor } from '@moltbot/providers';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Core } from '../core/core.js';
import { errorAnswer, toMoltbotError } from '../core/http-errors.js';
import { createChatHandler } from './chat-handler.js';
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

const ALL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * The hot doors: plain Fastify routes beside Nest's (a controller with a guard costs half as much CPU again, see
 * docs/decisions). They have their own access check, error answers and accounting; bodies stay bytes.
 */
export async function registerChatRoutes(fastify: FastifyInstance, core: Core): Promise<void> {
  await fastify.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.decorateRequest('exchange');

    scope.addHook('onRequest', (request, reply, done) => {
      const { config } = request.routeOptions;
      const exchange = new Exchange({
        // Ours, whatever the caller sent: the ledger knows a request by it.
        requestId: core.requestIds.next(),
        door: doorOf(request),
        operation: config.operation ?? 'models',
        request: request.raw,
        response: reply.raw,
        onEnd: (record) => core.requestEnded(record),
      });
      request.exchange = exchange;
      try {
        core.requestBegan(exchange);
        const identity = core.access.check(request.headers);
        if (identity instanceof Promise) {
          identity.then(
            (found) => admit(exchange, found, done),
            (error: unknown) => done(toMoltbotError(error)),
          );
          return;
        }
        admit(exchange, identity, done);
      } catch (error) {
        done(toMoltbotError(error));
      }
    });

    scope.setErrorHandler((error, request, reply) => {
      answerError({ error, request, reply, core });
    });

    const chat = createChatHandler(core);
    const models = createModelsHandlers(core);
    const hot = [
      { url: '/v1/chat/completions', door: openAiChatDoor, operation: 'chat', handler: chat },
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
      refuseOtherMethods(scope, { url, door, taken: 'POST' });
    }
    const answerModels =
      (read: (request: FastifyRequest) => Promise<unknown>) => async (request: FastifyRequest, reply: FastifyReply) => {
        const answer = await read(request);
        request.exchange.end({ outcome: 'complete' });
        void reply.headers({ 'x-request-id': request.exchange.requestId, 'request-id': request.exchange.requestId });
        return answer;
      };
    scope.route({ method: 'GET', url: '/v1/models', handler: answerModels(models.list) });
    scope.route({ method: 'GET', url: '/v1/models/*', handler: answerModels(models.get) });
  });
}

function admit(exchange: Exchange, identity: Identity | undefined, done: (error?: Error) => void): void {
  exchange.identity = identity;
  done();
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
  const error = toMoltbotError(options.error);
  if (error.code === 'internal_error') core.reportFault(exchange.requestId, error);
  const cancelled = error.code === 'client_closed';
  exchange.end({ outcome: cancelled ? 'cancelled' : 'failed', errorCode: error.code, attempts: error.attempts.length });
  if (reply.raw.headersSent || reply.raw.destroyed) {
    reply.raw.destroy();
    return;
  }
  const answer = errorAnswer({ error, door: exchange.door, requestId: exchange.requestId });
  // A body that was not read to its end can't be followed by another request on the same connection.
  if (!request.raw.complete) void reply.header('connection', 'close');
  void reply.code(answer.status).headers(answer.headers).send(answer.body);
}

function refuseOtherMethods(
  scope: FastifyInstance,
  { url, door, taken }: { url: string; door: DialectDoor; taken: string },
): void {
  scope.route({
    method: ALL_METHODS.filter((method) => method !== taken),
    url,
    config: { door, operation: 'refused' },
    // Without this a body would be judged before the method.
    onRequest: (_request, _reply, done) => done(new MoltbotError('method_not_allowed', `${url} takes ${taken} only.`)),
    handler: () => undefined,
  });
}
