import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OAuthError } from '../oauth-error.js';
import { sendCallbackPage } from './callback-page.js';
import { type PasteProblem, readPasted } from './pasted-callback.js';
import { isLocalHttp } from './server-metadata.js';

export interface CallbackListenerOptions {
  /**
   * As registered at the provider. On this machine with a port: that port is opened; without: a free one (RFC 8252, 7.3). Elsewhere:
   * nothing is opened, and the address has to be pasted. Default: a free port of 127.0.0.1.
   */
  readonly redirectUri?: string | undefined;
  /** `false`: only pasted addresses, whatever the address is; where its port is taken. */
  readonly listen?: boolean | undefined;
}

export interface WaitOptions {
  readonly state: string;
  readonly signal: AbortSignal;
  /**
   * What a person pastes instead, where the browser runs on another machine: lines, or a question that is asked again after a wrong
   * answer (its signal fires when the wait is over). When it ends, the browser is still waited for.
   */
  readonly paste?: AsyncIterable<string> | ((signal: AbortSignal) => Promise<string>) | undefined;
  /** Called for each pasted text that is not the end of this sign-in. */
  readonly onPasteProblem?: ((problem: PasteProblem) => void) | undefined;
}

/** Waits for the browser to come back from the provider. */
export interface CallbackListener {
  readonly redirectUri: string;
  /** Whether a browser on this machine can come back by itself. */
  readonly isListening: boolean;
  /** @returns the callback URL, whole. Rejects with `OAuthError` (`timeout`: given up; `misconfigured`: nothing to wait for) */
  waitFor(options: WaitOptions): Promise<string>;
  /** Ends waits and connections. */
  close(): Promise<void>;
}

const DEFAULT_PATH = '/callback';
const LARGEST_HEADERS = 32_768;
const HEADERS_WITHIN_MS = 10_000;
const MOST_CONNECTIONS = 256;
const LAST_ANSWERS_MS = 1_000;
const MOST_WRONG_PASTES = 100;

/**
 * Opens the address that the browser is sent back to, before the sign-in begins. A request with another `state` gets 400 and
 * changes nothing.
 * @throws OAuthError `misconfigured`: the port is taken or may not be opened (`cause` is the socket's error)
 */
export async function openCallbackListener(options: CallbackListenerOptions = {}): Promise<CallbackListener> {
  const fixed = options.redirectUri;
  const wanted = fixed === undefined ? new URL(`http://127.0.0.1${DEFAULT_PATH}`) : URL.parse(fixed);
  if (wanted === null) throw misconfigured('`oauth.redirect_uri` is not a URL.');
  const waiting = new Map<string, (callbackUrl: string) => void>();
  const ended = new AbortController();

  if (!isLocalHttp(wanted) || options.listen === false) {
    return listenerOf({ redirectUri: fixed ?? wanted.href, servers: [], waiting, ended });
  }

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    // A wait can end the process: the page goes out first.
    const arrived = respond({ request, response, path: wanted.pathname, waiting });
    if (arrived !== undefined) response.once('close', () => arrived.resolve(`${address}${arrived.query}`));
  };
  const servers: Server[] = [];
  const first = wanted.hostname === '[::1]' ? '::1' : wanted.hostname === 'localhost' ? '127.0.0.1' : wanted.hostname;
  const { server, port } = await listen(answer, first, portOf(wanted, fixed));
  servers.push(server);
  if (wanted.hostname === 'localhost') {
    // Browsers may take either; a machine without IPv6 has only the one.
    const second = await listen(answer, '::1', port).catch(() => undefined);
    if (second !== undefined) servers.push(second.server);
  }
  const address = `http://${wanted.hostname}:${port}${wanted.pathname}`;
  const redirectUri = `${address}${wanted.search}`;
  return listenerOf({ redirectUri, servers, waiting, ended });
}

function listenerOf(parts: {
  readonly redirectUri: string;
  readonly servers: readonly Server[];
  readonly waiting: Map<string, (callbackUrl: string) => void>;
  readonly ended: AbortController;
}): CallbackListener {
  const { redirectUri, servers, waiting, ended } = parts;
  return {
    redirectUri,
    isListening: servers.length > 0,
    async waitFor({ state, signal, paste, onPasteProblem }) {
      if (servers.length === 0 && paste === undefined) {
        throw misconfigured(
          `Nobody listens at ${redirectUri}: the address that the browser comes to has to be pasted.`,
        );
      }
      const over = new AbortController();
      const stop = () => over.abort();
      const stopping = AbortSignal.any([signal, ended.signal]);
      try {
        return await new Promise<string>((resolve, reject) => {
          const giveUp = () => reject(givenUp(stopping.reason));
          if (stopping.aborted) return giveUp();
          stopping.addEventListener('abort', giveUp, { once: true, signal: over.signal });
          waiting.set(state, resolve);
          if (paste === undefined) return;
          readPastes({ paste, redirectUri, state, signal: over.signal, onPasteProblem, resolve }).catch(() => {
            // With nobody who listens, there is nothing left to wait for.
            if (servers.length === 0) reject(misconfigured('No address of the browser was pasted.'));
          });
        });
      } finally {
        stop();
        waiting.delete(state);
      }
    },
    async close() {
      ended.abort();
      await Promise.all(servers.map((server) => closeServer(server)));
    },
  };
}

interface Arrived {
  readonly resolve: (callbackUrl: string) => void;
  readonly query: string;
}

/** Answers one request. @returns the wait that it ends, if it does */
function respond(options: {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly waiting: ReadonlyMap<string, (callbackUrl: string) => void>;
}): Arrived | undefined {
  const { request, response, path, waiting } = options;
  const url = URL.parse(request.url ?? '', 'http://callback.invalid');
  if (url?.pathname !== path || url.host !== 'callback.invalid' || !isOwnHost(request.headers.host)) {
    sendCallbackPage(response, 'not-found');
    return undefined;
  }
  if (request.method !== 'GET') {
    sendCallbackPage(response, 'wrong-method');
    return undefined;
  }
  const states = url.searchParams.getAll('state');
  const found = states.length === 1 ? [...waiting].find(([state]) => isSame(state, states[0] ?? '')) : undefined;
  const hasError = url.searchParams.has('error');
  if (found === undefined || (!hasError && !url.searchParams.has('code'))) {
    sendCallbackPage(response, 'stranger');
    return undefined;
  }
  sendCallbackPage(response, hasError ? 'refused' : 'arrived');
  return { resolve: found[1], query: url.search };
}

/** Not a name of elsewhere that points here (DNS rebinding). */
function isOwnHost(host: string | undefined): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host ?? '');
}

function isSame(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

async function readPastes(options: {
  readonly paste: NonNullable<WaitOptions['paste']>;
  readonly redirectUri: string;
  readonly state: string;
  readonly signal: AbortSignal;
  readonly onPasteProblem: WaitOptions['onPasteProblem'];
  readonly resolve: (callbackUrl: string) => void;
}): Promise<void> {
  const { paste, redirectUri, state, signal, onPasteProblem, resolve } = options;
  const lines = (typeof paste === 'function' ? asked(paste, signal) : paste)[Symbol.asyncIterator]();
  // A terminal that is read is let go of when the browser was first.
  signal.addEventListener('abort', () => void lines.return?.(undefined)?.catch(() => undefined), { once: true });
  for (let wrong = 0; wrong < MOST_WRONG_PASTES; wrong += 1) {
    const next = await lines.next();
    if (signal.aborted) return;
    if (next.done === true) break;
    const read = readPasted({ text: next.value, redirectUri, state });
    if ('callbackUrl' in read) return resolve(read.callbackUrl);
    if (next.value.trim() !== '') onPasteProblem?.(read.problem);
  }
  throw new Error('The pasting has ended');
}

async function* asked(paste: (signal: AbortSignal) => Promise<string>, signal: AbortSignal): AsyncGenerator<string> {
  while (!signal.aborted) yield await paste(signal);
}

async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  host: string,
  port: number,
): Promise<{ server: Server; port: number }> {
  const server = createServer(
    {
      maxHeaderSize: LARGEST_HEADERS,
      headersTimeout: HEADERS_WITHIN_MS,
      requestTimeout: HEADERS_WITHIN_MS,
      connectionsCheckingInterval: 1_000,
    },
    answer,
  );
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, resolve);
  }).catch((cause: unknown) => {
    const taken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
    const why = taken ? 'is taken by another process' : 'can’t be opened';
    throw misconfigured(`Port ${port} of ${host}, which \`oauth.redirect_uri\` asks for, ${why}.`, cause);
  });
  server.on('error', () => undefined);
  return { server, port: (server.address() as AddressInfo).port };
}

/** `URL` leaves out the usual port, which differs from none: there a free one is meant. */
function portOf(url: URL, text: string | undefined): number {
  return url.port === '' && /^http:\/\/[^/?#]+:80([/?#]|$)/i.test(text ?? '') ? 80 : Number(url.port);
}

/** Answers under way are finished, for a moment. */
async function closeServer(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(timer);
}

function givenUp(cause: unknown): OAuthError {
  return new OAuthError('The browser did not come back before the sign-in was given up.', {
    failure: 'timeout',
    maybeApplied: false,
    cause,
  });
}

function misconfigured(message: string, cause?: unknown): OAuthError {
  return new OAuthError(message, { failure: 'misconfigured', maybeApplied: false, cause });
}
