import { OAuthError } from '../oauth-error.js';
import { connectionFailure } from './connection-failure.js';
import { readAnswer } from './read-answer.js';

export interface ExchangeOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly now: () => number;
  readonly timeoutMs: number;
}

export interface ExchangeRequest {
  /** `token endpoint`: for messages. */
  readonly what: string;
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Texts that no error may repeat. */
  readonly secrets: readonly string[];
  /** Whether the server changes something with it; else no failure is `maybeApplied`. */
  readonly applies: boolean;
  /** Whether the words of a 2xx answer don't matter (RFC 7009, 2.2); a page of HTML is still no answer. */
  readonly anyAnswer?: boolean;
  readonly signal: AbortSignal | undefined;
}

/** A 2xx answer. */
export interface Answer {
  /** `undefined` where the body is empty or does not matter. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** When it came, Unix ms by this machine's clock. */
  readonly receivedAt: number;
  /** The server's clock minus this machine's, as its `Date` header has it (whole seconds). */
  readonly serverAheadMs: number | undefined;
}

export type Exchange = (request: ExchangeRequest) => Promise<Answer>;

/** One request and its whole answer, bounded in time and size, never repeated. Rejects with `OAuthError`. */
export function createExchange({ fetch, now, timeoutMs }: ExchangeOptions): Exchange {
  return async (request) => {
    const host = hostOf(request.url);
    const given = request.signal;
    if (isAborted(given)) throw stopped({ ...request, host, applies: false });

    const abort = new AbortController();
    const giveUp = () => abort.abort(given?.reason);
    given?.addEventListener('abort', giveUp, { once: true });
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    try {
      const response = await fetch(request.url, {
        method: request.method,
        headers: request.headers,
        redirect: 'manual',
        signal: abort.signal,
        ...(request.body === undefined ? {} : { body: request.body }),
      });
      return await readAnswer({ request, host, response, now });
    } catch (error) {
      if (error instanceof OAuthError && !abort.signal.aborted) throw error;
      if (isAborted(given)) throw stopped({ ...request, host });
      if (abort.signal.aborted) {
        throw new OAuthError(`The ${request.what} at ${host} did not answer within ${timeoutMs} ms.`, {
          failure: 'timeout',
          maybeApplied: request.applies,
        });
      }
      throw connectionFailure({ request, host, error });
    } finally {
      clearTimeout(timer);
      given?.removeEventListener('abort', giveUp);
      // Lets go of the connection where the answer was not read to its end.
      abort.abort();
    }
  };
}

function stopped(options: ExchangeRequest & { readonly host: string }): OAuthError {
  return new OAuthError(`The request to the ${options.what} at ${options.host} was given up.`, {
    failure: 'timeout',
    maybeApplied: options.applies,
    cause: options.signal?.reason,
  });
}

/** As a function: what the compiler knew before an `await` is no longer true after it. */
export function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

export function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'an unreadable address';
}
