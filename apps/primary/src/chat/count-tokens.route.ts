import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Core } from '../core/core.js';
import { readCall, selectionOf } from './chat-handler.js';

/** `POST /v1/messages/count_tokens` in Anthropic's dialect: by the provider where it can count, else an estimate that says so. */
export function createCountTokensHandler(core: Core) {
  return async function handleCountTokens(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { exchange } = request;
    const call = readCall(exchange, request.body);
    const plan = core.router.plan(selectionOf(call));
    exchange.chain = plan.name;
    const counted = await core.engine.countTokens({ call, plan, signal: exchange.signal });
    const body = JSON.stringify({ input_tokens: counted.inputTokens });
    reply.hijack();
    reply.raw.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'x-request-id': exchange.requestId,
      'request-id': exchange.requestId,
      'x-moltbot-token-count': counted.source,
    });
    reply.raw.end(body);
    exchange.end({
      outcome: 'complete',
      servedBy: counted.served?.model.ref,
      attempts: counted.served?.attempts.length ?? 0,
    });
  };
}
