import { parentOf, parseTraceparent, traceparentOf, type Tracing } from '@moltbot/observability';
import type { FastifyInstance } from 'fastify';
import { Exchange } from '../chat/exchange.js';

/**
 * A span for each request of the API besides those of the chat's doors, which have their own; registered after them. Whoever
 * passes the trace on (a job that is submitted) finds this span in `traceparent`, as if the caller had sent it.
 */
export function traceRoutes(fastify: FastifyInstance, tracing: Tracing): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const { url: route } = request.routeOptions;
    if (route?.startsWith('/v1/') !== true || Exchange.of(reply.raw) !== undefined) {
      done();
      return;
    }
    const span = tracing.start(parentOf(parseTraceparent(request.headers.traceparent)));
    request.headers['traceparent'] = traceparentOf(span);
    const startedAt = Date.now();
    const began = performance.now();
    reply.raw.once('close', () => {
      const { statusCode } = reply.raw;
      tracing.end(span, {
        name: `${request.method} ${route}`,
        kind: 'server',
        startedAt,
        durationMs: performance.now() - began,
        error: statusCode >= 500 ? String(statusCode) : undefined,
        attributes: {
          'http.request.method': request.method,
          'http.route': route,
          'http.response.status_code': statusCode,
        },
      });
    });
    done();
  });
}
