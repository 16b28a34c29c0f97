import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv4, type Socket } from 'node:net';

/** `ok` decides the status (200 or 503); the rest is shown as it is, so it holds no secret. */
export interface HealthReport {
  readonly ok: boolean;
  readonly [detail: string]: unknown;
}

export interface OpsServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
  /** Whether the process is alive: failing means restart it. */
  readonly health: () => HealthReport | Promise<HealthReport>;
  /** Whether it can do its work now: failing means send it none. */
  readonly ready: () => HealthReport | Promise<HealthReport>;
  /** Stands in both answers: whose process this is. */
  readonly about?: Readonly<Record<string, string>> | undefined;
  /** How long an answer may take to make. Default 5 s. */
  readonly answerWithinMs?: number | undefined;
}

export interface OpsServer {
  readonly host: string;
  readonly port: number;
  /** Takes no more connections, lets running answers end for a second, then cuts them. */
  close(): Promise<void>;
}

const HEADER_WITHIN_MS = 5_000;
const REQUEST_WITHIN_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
/** A caller that neither sends nor reads is cut off after this. */
const SILENT_MS = 15_000;
/** For a refused caller to read why. */
const REFUSED_READS_WITHIN_MS = 500;
const MAX_HEADER_BYTES = 8_192;
const MAX_CONNECTIONS = 64;
const CLOSE_WITHIN_MS = 1_000;

/**
 * What an address of this machine alone may be called: a web page whose own name was made to point here (DNS rebinding)
 * would read the figures otherwise.
 */
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/**
 * `/metrics`, `/health` and `/ready` for operators.
 * @throws the system's error where it can't listen, with its `code` (`EADDRINUSE`, `EACCES`)
 */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const routes: Readonly<Record<string, () => Promise<Answer>>> = {
    '/metrics': async () => ({
      status: 200,
      type: options.metrics.contentType,
      body: await options.metrics.render(),
    }),
    '/health': async () => reportAnswer({ ...options.about, ...(await options.health()) }),
    '/ready': async () => reportAnswer({ ...options.about, ...(await options.ready()) }),
  };
  const withinMs = options.answerWithinMs ?? 5_000;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADER_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      void handle(request, response, { routes, withinMs, onlyLocal: isLoopback(options.host) });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(SILENT_MS);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuse(socket as Socket, error.code);
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return { host: options.host, port, close: async () => closeWithin(server) };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  context: {
    readonly routes: Readonly<Record<string, () => Promise<Answer>>>;
    readonly withinMs: number;
    readonly onlyLocal: boolean;
  },
): Promise<void> {
  // Whatever body comes is thrown away, so that the connection can be used again.
  request.resume();
  const { host } = request.headers;
  if (context.onlyLocal && host !== undefined && !LOCAL_HOST.test(host)) {
    return send(request, response, problem(403, 'forbidden_origin'));
  }
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const route = Object.hasOwn(context.routes, path) ? context.routes[path] : undefined;
  if (route === undefined) return send(request, response, problem(404, 'not_found'));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(request, response, problem(405, 'method_not_allowed'));
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer>((resolve) => {
    const giveUp = (): void => {
      resolve(problem(503, 'timeout'));
    };
    timer = setTimeout(giveUp, context.withinMs);
    response.once('close', giveUp);
  });
  // The text of a failure stays inside: it may name what nobody outside should read.
  const answer = await Promise.race([route().catch(() => problem(500, 'internal_error')), late]);
  clearTimeout(timer);
  return send(request, response, answer);
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

function reportAnswer(report: HealthReport): Answer {
  const { ok, ...details } = report;
  return json(ok ? 200 : 503, { status: ok ? 'ok' : 'failing', ...details });
}

function problem(status: number, code: string): Answer {
  return json(status, { error: { code } });
}

function json(status: number, body: unknown): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(body)}\n` };
}

const REFUSALS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function refuse(socket: Socket, code: string | undefined): void {
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = REFUSALS[code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  // One that does not hang up would hold its place: they are few.
  setTimeout(() => socket.destroy(), REFUSED_READS_WITHIN_MS).unref();
}

async function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      // Errors after this belong to single connections.
      server.on('error', () => {});
      resolve();
    });
  });
}

async function closeWithin(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    server.closeAllConnections();
  }, CLOSE_WITHIN_MS);
  await closed;
  clearTimeout(timer);
}
