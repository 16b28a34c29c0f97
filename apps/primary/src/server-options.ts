import type { Settings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { openAiChatDoor } from '@moltbot/providers';
import type { FastifyHttpOptions } from 'fastify';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Exchange } from './chat/exchange.js';
import { errorAnswer, sendError, toMoltbotError } from './core/http-errors.js';

/** Node's codes for a request that never became one. */
const CLIENT_ERRORS = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
} as const;

/** The connection broke, or its end came in the middle of a request. */
const CALLER_LEFT = new Set(['ECONNRESET', 'HPE_INVALID_EOF_STATE']);

/** Fastify's options: the limits against slow, large and broken requests. */
export function serverOptions(options: {
  readonly server: Settings['server'];
  readonly newRequestId: () => string;
}): FastifyHttpOptions<Server> {
  const { server, newRequestId } = options;
  // Node refuses to start where headers may take longer than the whole request.
  const headersTimeout = Math.min(server.header_timeout, server.request_timeout);
  return {
    logger: false,
    bodyLimit: server.body_limit,
    requestTimeout: server.request_timeout,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    requestIdHeader: false,
    trustProxy: trustedProxies(server.trusted_proxies),
    // Ours is made in the route's first hook; Fastify's own would be a second one.
    genReqId: () => '',
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: true },
    http: {
      maxHeaderSize: server.header_limit,
      headersTimeout,
      requestTimeout: server.request_timeout,
      // Node looks for overdue requests only this often (its default is 30 s).
      connectionsCheckingInterval: Math.max(50, Math.min(1_000, Math.floor(headersTimeout / 4))),
      noDelay: true,
    },
    // Paths that are none: they reach neither a route nor a filter.
    frameworkErrors(error, request, reply) {
      const answer = errorAnswer({ error: toMoltbotError(error), door: openAiChatDoor, requestId: newRequestId() });
      sendError({ request, reply, answer });
    },
    clientErrorHandler(error, socket) {
      answerClientError({ code: error.code, socket, requestId: newRequestId() });
    },
  };
}

/** In Fastify's words. */
function trustedProxies(addresses: readonly string[]): string[] | false {
  if (addresses.length === 0) return false;
  return addresses.flatMap((address) => (address === 'private' ? ['loopback', 'linklocal', 'uniquelocal'] : [address]));
}

/** Bytes that are no HTTP request, or one that came too slowly: a typed error where an answer can still be sent, then the end. */
function answerClientError(options: { code: string; socket: Socket; requestId: string }): void {
  const { code, socket, requestId } = options;
  // `_httpMessage` is how Node's own handler knows of an answer that is under way.
  const { _httpMessage: running } = socket as Socket & { readonly _httpMessage?: ServerResponse | null };
  const exchange = running ? Exchange.of(running) : undefined;
  if (CALLER_LEFT.has(code) || socket.destroyed || !socket.writable) {
    exchange?.cancel();
    socket.destroy();
    return;
  }
  const known = code in CLIENT_ERRORS ? CLIENT_ERRORS[code as keyof typeof CLIENT_ERRORS] : undefined;
  const error =
    known === undefined
      ? new MoltbotError('invalid_request', 'This is no valid HTTP/1.1 request.')
      : new MoltbotError(known);
  // More bytes would corrupt an answer that has begun.
  if (running?.headersSent === true) {
    socket.destroy();
    return;
  }
  exchange?.end({ outcome: 'failed', errorCode: error.code });
  const answer = errorAnswer({
    error,
    door: exchange?.door ?? openAiChatDoor,
    requestId: exchange?.requestId ?? requestId,
  });
  const head = Object.entries({
    ...answer.headers,
    connection: 'close',
    'content-length': Buffer.byteLength(answer.body),
  })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  socket.end(`HTTP/1.1 ${answer.status} Error\r\n${head}\r\n${answer.body}`);
  // A peer that doesn't read the answer doesn't keep the socket.
  setTimeout(() => socket.destroy(), 2_000).unref();
}
