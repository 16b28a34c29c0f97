import { types } from 'node:util';
import { connectionFaultOf, ProxyError } from '@moltbot/network';
import { ProviderError } from '../failure.js';

/** How far an exchange had come when it failed. */
export type ExchangePhase =
  /** Queued or connecting: nothing was sent. */
  | 'connecting'
  /** The request was sent, the response headers have not come. */
  | 'sent'
  /** In the body of the response. */
  | 'body';

const CANCELLED = new Set(['UND_ERR_DESTROYED', 'UND_ERR_CLOSED']);
/** Refused by undici before anything was sent: a header with a line break, a path with a space. */
const UNSENDABLE = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);

/** What an error of undici, of a proxy or of a socket means, by its code and by how far the exchange had come. */
export function failureOfSocket(error: unknown, phase: ExchangePhase): ProviderError {
  if (error instanceof ProviderError) return error;
  const told = codeOf(error) ?? (error instanceof Error ? error.name : 'unknown error');
  if (CANCELLED.has(told)) return new ProviderError('cancelled', 'The client is closed.', { cause: error });
  if (phase === 'body') return new ProviderError('stream-cut', `The response broke off: ${told}.`, { cause: error });
  // A forwarding proxy that wants a login: the request never reached the provider.
  if (phase === 'connecting' || error instanceof ProxyError) return failureToConnect(error, told);
  if (isParserError(error) || told === 'UND_ERR_HEADERS_OVERFLOW') {
    return new ProviderError('not-an-answer', `The response is no valid HTTP: ${told}.`, { cause: error });
  }
  return new ProviderError('reset', `The connection broke before the response: ${told}.`, { cause: error });
}

function failureToConnect(error: unknown, told: string): ProviderError {
  if (UNSENDABLE.has(told)) {
    return new ProviderError('unfit', 'The request has a header or path that can not be sent.', { cause: error });
  }
  const connection = connectionFaultOf(error);
  const facts = { connection, cause: error };
  if (connection === undefined) return new ProviderError('unreachable', `No connection: ${told}.`, facts);
  const { at, kind, code } = connection;
  const where = at === 'proxy' ? ' to the proxy' : '';
  return kind === 'timeout'
    ? new ProviderError('connect-timeout', `The connection${where} did not open in time: ${code}.`, facts)
    : new ProviderError('unreachable', `No connection${where}: ${kind} (${code}).`, facts);
}

/** undici's own name of it; its code is missing for most faults. */
function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError';
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = types.isNativeError(error) && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
