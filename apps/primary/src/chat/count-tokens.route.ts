import { COUNT_SIZE } from '@moltbot/providers';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { permittedPlan } from '../access/permitted-plan.js';
import type { Core } from '../core/core.js';
import { readCall, selectionOf } from './chat-handler.js';
import { sendWhole } from './send-whole.js';

/** `POST /v1/messages/count_tokens` in Anthropic's dialect: by the provider where it can count, else an estimate that says so. */
export function createCountTokensHandler(core: Core) {
  return async function handleCountTokens(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { exchange } = request;
    const call = readCall(exchange, request.body);
    const plan = permittedPlan({ router: core.router, identity: exchange.identity, selection: selectionOf(call) });
    exchange.chain = plan.name;
    if (exchange.identity?.limits !== undefined) await core.limits.admit({ exchange, plan, size: COUNT_SIZE });
    const counted = await core.engine.countTokens({ call, plan, signal: exchange.signal });
    const { requestId } = exchange;
    const headers = ['content-type', 'application/json', 'x-request-id', requestId, 'request-id', requestId];
    headers.push('x-moltbot-token-count', counted.source, ...exchange.limitHeaders);
    const body = Buffer.from(JSON.stringify({ input_tokens: counted.inputTokens }));
    sendWhole({ reply, headers, body, writeTimeoutMs: core.settings().server.write_timeout });
    exchange.end({
      outcome: 'complete',
      servedBy: counted.served?.model.ref,
      attempts: counted.served?.attempts.length ?? 0,
    });
  };
}
