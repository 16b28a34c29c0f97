import type { MoltbotError } from '@moltbot/contracts';
import type { AnswerContext, ServedStream } from '@moltbot/providers';
import type { FastifyReply } from 'fastify';
import { toDoorError, toMoltbotError } from '../core/http-errors.js';
import { cutOffIfUnread, drained } from './drained.js';
import type { Exchange } from './exchange.js';
import type { KeepAlive, KeptAlive } from './keep-alive.js';
import { servedHeaders } from './reply-headers.js';
import { STREAM_TRAILERS, streamTrailers } from './stream-trailers.js';
import { Voice } from './voice.js';

/**
 * Writes a committed stream to its caller: the upstream's own bytes where the dialects agree, else (and after a rescue) our
 * writer's. Waits for a slow caller; an interrupted answer ends with an error in band, never like a complete one.
 */
export async function replyStream(options: {
  readonly exchange: Exchange;
  readonly reply: FastifyReply;
  readonly served: ServedStream;
  readonly context: AnswerContext;
  readonly keepAlive: KeepAlive;
  readonly writeTimeoutMs: number;
  /** Hears of what nobody foresaw. */
  readonly onFault: (error: MoltbotError) => void;
}): Promise<void> {
  const { exchange, reply, served, keepAlive, writeTimeoutMs } = options;
  const { door } = exchange;
  const firstContentMs = exchange.sinceStartMs;
  const response = reply.raw;
  const headers = servedHeaders({
    exchange,
    contentType: 'text/event-stream; charset=utf-8',
    served,
  });
  headers.push('cache-control', 'no-cache, no-transform', 'x-accel-buffering', 'no');
  // RFC 9110 section 6.5: only for a caller that says it reads them.
  const takesTrailers = /\btrailers\b/i.test(String(response.req.headers.te));
  if (takesTrailers) headers.push('trailer', STREAM_TRAILERS.join(', '));
  // Signs of life during a long load have sent it already.
  if (!response.headersSent) response.writeHead(200, headers);
  // Only now: what `writeHead` throws is still answered as an error.
  reply.hijack();

  const kept: KeptAlive = {
    lastWrite: performance.now(),
    // A caller that doesn't read needs no sign of life.
    writeKeepAlive: () => {
      if (!response.writableNeedDrain) response.write(door.keepAlive);
    },
  };
  keepAlive.add(kept);
  const voice = new Voice({ raw: served.sameDialect, createWriter: () => door.createStreamWriter(options.context) });
  let failure: MoltbotError | undefined;
  let callerLeft = false;
  try {
    for await (const frame of served.frames) {
      const chunk = voice.say(frame);
      if (chunk.length === 0) continue;
      kept.lastWrite = performance.now();
      if (!response.write(chunk) && !(await drained(response, writeTimeoutMs))) {
        callerLeft = true;
        exchange.cancel();
        break;
      }
    }
  } catch (error) {
    failure = exchange.causeOf(toMoltbotError(error));
    if (failure.code === 'internal_error') options.onFault(failure);
    exchange.cancel();
  } finally {
    keepAlive.delete(kept);
  }

  const result = served.result();
  const account = {
    firstContentMs,
    streamEnd: result.end,
    servedBy: result.spans.at(-1)?.target ?? served.model.ref,
    attempts: result.attempts.length,
    usage: result.usage,
    costMicros: result.costMicros,
  };
  if (callerLeft || failure?.code === 'client_closed') {
    response.destroy();
    exchange.end({ ...account, outcome: 'cancelled', errorCode: 'client_closed', streamEnd: 'cancelled' });
    return;
  }
  try {
    if (takesTrailers) response.addTrailers(streamTrailers(result));
    response.end(failure === undefined ? voice.rest() : voice.error(toDoorError(failure, exchange.requestId)));
    cutOffIfUnread(response, writeTimeoutMs);
  } catch (error) {
    // The last words can't be said: a connection that breaks is no complete answer either.
    failure = toMoltbotError(error);
    options.onFault(failure);
    response.destroy();
  }
  if (failure === undefined) {
    exchange.end({ outcome: result.outcome === 'rescued' ? 'rescued' : 'complete', ...account });
  } else {
    const streamEnd = result.end === 'stalled' ? 'stalled' : 'cut';
    exchange.end({ ...account, outcome: 'interrupted', errorCode: failure.code, streamEnd });
  }
}
