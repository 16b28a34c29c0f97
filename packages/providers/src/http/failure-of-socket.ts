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
const CONNECT_TIMEOUT = new Set(['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']);
/** Refused by undici before anything was sent: a header with a line break, a path with a space. */
const UNSENDABLE = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);

/** What an error of undici or of a socket means, by its code and by how far the exchange had come. */
export function failureOfSocket(error: unknown, phase: ExchangePhase): ProviderError {
  if (error instanceof ProviderError) return error;
  const told = codeOf(error) ?? (error instanceof Error ? error.name : 'unknown error');
  if (CANCELLED.has(told)) return new ProviderError('cancelled', 'The client is closed.', { cause: error });
  if (phase === 'body') return new ProviderError('stream-cut', `The response broke off: ${told}.`, { cause: error });
  if (phase === 'sent') {
    if (isParserError(error) || told === 'UND_ERR_HEADERS_OVERFLOW') {
      return new ProviderError('not-an-answer', `The response is no valid HTTP: ${told}.`, { cause: error });
    }
    // A forwarding proxy that wants a login is told apart by its own code: the request never reached the provider.
    if (told === 'UND_ERR_INVALID_ARG') return unreachable('the proxy refused', error);
    return new ProviderError('reset', `The connection broke before the response: ${told}.`, { cause: error });
  }
  if (CONNECT_TIMEOUT.has(told)) {
    return new ProviderError('connect-timeout', `The connection did not open in time: ${told}.`, { cause: error });
  }
  if (UNSENDABLE.has(told)) {
    return new ProviderError('unfit', 'The request has a header or path that can not be sent.', { cause: error });
  }
  return unreachable(told, error);
}

function unreachable(told: string, cause: unknown): ProviderError {
  return new ProviderError('unreachable', `No connection: ${told}.`, { cause });
}

/** undici's own name of it; its code is missing for most faults. */
function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError';
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
