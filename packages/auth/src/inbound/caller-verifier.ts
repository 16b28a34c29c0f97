import type { ApiKeyVerifier } from './api-key-verifier.js';
import type { Identity } from './identity.js';
import type { JwtVerifier } from './jwt-verifier.js';

/** Finds out who calls, by what was presented. */
export interface CallerVerifier {
  /** @throws MoltbotError (thrown or rejected) as `ApiKeyVerifier.verify` and `JwtVerifier.verify` */
  verify(presented: string | undefined): Identity | Promise<Identity>;
}

/**
 * API keys and tokens of the organisation's sign-in are told apart by their shape alone: a key begins with `mb_`, a JWT has
 * dots, which no key has.
 */
export function createCallerVerifier(options: {
  readonly apiKeys: ApiKeyVerifier;
  readonly tokens?: JwtVerifier | undefined;
}): CallerVerifier {
  const { apiKeys, tokens } = options;
  return {
    verify(presented) {
      if (tokens !== undefined && presented !== undefined && !presented.startsWith('mb_') && presented.includes('.')) {
        return tokens.verify(presented);
      }
      return apiKeys.verify(presented);
    },
  };
}
