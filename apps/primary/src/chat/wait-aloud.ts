import type { AnswerContext } from '@moltbot/providers';
import type { FastifyReply } from 'fastify';
import { toDoorError, toMoltbotError } from '../core/http-errors.js';
import type { Exchange } from './exchange.js';
import type { KeepAlive, KeptAlive } from './keep-alive.js';

/** A stream whose first content is waited for. */
export interface AloudWait {
  /** The wait is over, well or not. */
  end(): void;
  /** Ends the answer in band, where it has begun with signs of life. @returns whether it had */
  fail(error: unknown): boolean;
}

/**
 * Keeps a caller that streams from hanging up while a model is loaded: minutes may pass until its first content. The first
 * sign of life, after some ten seconds, settles the status as 200; what fails after it is said in band.
 */
export function waitAloud(options: {
  readonly exchange: Exchange;
  readonly reply: FastifyReply;
  readonly keepAlive: KeepAlive;
  readonly context: AnswerContext;
}): AloudWait {
  const { exchange, reply, keepAlive, context } = options;
  const { door, requestId, limitHeaders } = exchange;
  const response = reply.raw;
  const kept: KeptAlive = {
    lastWrite: performance.now(),
    writeKeepAlive: () => {
      if (!response.headersSent) {
        response.writeHead(200, [
          'content-type',
          'text/event-stream; charset=utf-8',
          'cache-control',
          'no-cache, no-transform',
          'x-accel-buffering',
          'no',
          'x-request-id',
          requestId,
          'request-id',
          requestId,
          ...limitHeaders,
        ]);
        reply.hijack();
      }
      if (!response.writableNeedDrain) response.write(door.keepAlive);
    },
  };
  keepAlive.add(kept);
  return {
    end: () => keepAlive.delete(kept),
    fail(thrown) {
      if (!response.headersSent) return false;
      const error = exchange.causeOf(toMoltbotError(thrown));
      const attempts = error.attempts.length;
      if (error.code === 'client_closed' || response.destroyed) {
        response.destroy();
        exchange.end({ outcome: 'cancelled', errorCode: 'client_closed', attempts });
        return true;
      }
      response.end(door.createStreamWriter(context).error(toDoorError(error, requestId)));
      exchange.end({ outcome: 'failed', errorCode: error.code, attempts });
      exchange.cancel();
      return true;
    },
  };
}
