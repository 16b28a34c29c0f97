import { MoltbotError } from '@moltbot/contracts';
import {
  type AnswerContext,
  ByteRope,
  type CallerRequest,
  createCallerRequest,
  type EngineCall,
  type ServedStream,
  chatSize,
} from '@moltbot/providers';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import { permittedPlan } from '../access/permitted-plan.js';
import type { Core } from '../core/core.js';
import type { Exchange } from './exchange.js';
import { servedHeaders } from './reply-headers.js';
import { replyStream } from './reply-stream.js';
import { sendWhole } from './send-whole.js';
import { waitAloud } from './wait-aloud.js';

/** The straight way of a chat request: bytes → call → plan → engine → reply. One for all dialects. */
export function createChatHandler(core: Core) {
  return async function handleChat(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { exchange } = request;
    const call = readCall(exchange, request.body);
    exchange.stream = call.stream;
    const plan = permittedPlan({ router: core.router, identity: exchange.identity, selection: selectionOf(call) });
    exchange.chain = plan.name;
    if (exchange.identity?.limits !== undefined) await core.limits.admit({ exchange, plan, size: chatSize(call) });
    const engineCall = {
      call,
      plan,
      signal: exchange.signal,
      headers: passedHeaders(request.headers),
      replaceable: exchange.door.replaces,
    };
    if (call.stream) {
      const served = await openStream({ core, reply, exchange, engineCall });
      if (served === undefined) return;
      // From here on the answer is committed: what fails is said in band.
      await replyStream({
        exchange,
        reply,
        served,
        context: answerContext(exchange, call, served.model.ref),
        keepAlive: core.keepAlive,
        writeTimeoutMs: core.settings().server.write_timeout,
        onFault: (error) => core.reportFault(exchange.requestId, error),
      });
      return;
    }
    const served = await core.engine.answer(engineCall);
    const body = served.sameDialect
      ? served.answer.bytes
      : Buffer.from(
          JSON.stringify(
            exchange.door.toAnswer(served.answer.answer(), answerContext(exchange, call, served.model.ref)),
          ),
        );
    const headers = servedHeaders({
      exchange,
      contentType: 'application/json',
      served,
      costMicros: served.costMicros,
    });
    sendWhole({ reply, headers, body, writeTimeoutMs: core.settings().server.write_timeout });
    exchange.end({
      outcome: 'complete',
      servedBy: served.model.ref,
      attempts: served.attempts.length,
      usage: served.usage,
      costMicros: served.costMicros,
    });
  };
}

/** `undefined` where the caller has been told in band already that it failed. */
async function openStream(options: {
  readonly core: Core;
  readonly reply: FastifyReply;
  readonly exchange: Exchange;
  readonly engineCall: EngineCall;
}): Promise<ServedStream | undefined> {
  const { core, reply, exchange, engineCall } = options;
  const { models } = engineCall.plan;
  const cold = models.find(({ ref }) => !core.localModels.isReady(ref));
  if (cold === undefined) return await core.engine.stream(engineCall);
  const context = answerContext(exchange, engineCall.call, cold.ref);
  const wait = waitAloud({ exchange, reply, keepAlive: core.keepAlive, context });
  try {
    return await core.engine.stream(engineCall);
  } catch (error) {
    if (wait.fail(error)) return undefined;
    throw error;
  } finally {
    wait.end();
  }
}

/** @throws MoltbotError `invalid_json`, `invalid_request` */
export function readCall(exchange: Exchange, body: unknown): CallerRequest {
  if (!(body instanceof ByteRope)) throw new MoltbotError('invalid_json', 'The body is empty: send one JSON object.');
  return createCallerRequest({ requestId: exchange.requestId, door: exchange.door, bytes: body });
}

/** What the caller chose. */
export function selectionOf({ model, models }: CallerRequest): { model?: string; models?: readonly string[] } {
  return { ...(model !== undefined && { model }), ...(models !== undefined && { models }) };
}

function answerContext(exchange: Exchange, call: CallerRequest, model: string): AnswerContext {
  return {
    id: exchange.requestId,
    created: exchange.created,
    model,
    includeUsage: call.wantsStreamUsage,
    estimatedInputTokens: call.estimatedInputTokens,
    asked: call,
  };
}

/** Anthropic's version and beta switches go along where the model's API is Anthropic's too. */
function passedHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> | undefined {
  const { 'anthropic-version': version, 'anthropic-beta': beta } = headers;
  if (version === undefined && beta === undefined) return undefined;
  return {
    ...(typeof version === 'string' ? { 'anthropic-version': version } : {}),
    ...(typeof beta === 'string' ? { 'anthropic-beta': beta } : {}),
  };
}
