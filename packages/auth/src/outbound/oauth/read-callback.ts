import {
  type AuthorizationServer,
  AuthorizationResponseError,
  OperationProcessingError,
  validateAuthResponse,
} from 'oauth4webapi';
import { OAuthError } from '../oauth-error.js';
import { cleanDescription, knownCode } from './error-texts.js';

/**
 * What the browser brought back: `state`, `iss` (RFC 9207) and the code are checked.
 * @param server `undefined`: the issuer is not known, `iss` says nothing
 * @throws OAuthError `rejected-callback`
 */
export function readCallback(options: {
  readonly callbackUrl: string;
  readonly state: string;
  readonly clientId: string;
  readonly server: AuthorizationServer | undefined;
  readonly secrets: readonly string[];
}): URLSearchParams {
  const { server, clientId, state, secrets } = options;
  const url = URL.parse(options.callbackUrl);
  if (url === null) throw rejected('The address that the browser came back to is no URL.');
  const found = new URLSearchParams(url.searchParams);
  if (server === undefined) found.delete('iss');
  try {
    const valid = validateAuthResponse(server ?? { issuer: 'unknown:' }, { client_id: clientId }, found, state);
    if (valid.getAll('code').length === 1 && valid.get('code') !== '') return valid;
  } catch (error) {
    if (error instanceof AuthorizationResponseError) {
      const code = knownCode(error.error);
      throw rejected(`The sign-in page answered: ${code}.`, {
        code,
        description: cleanDescription(error.error_description, secrets),
      });
    }
    // Its messages name the parameter, without its value.
    const why = error instanceof OperationProcessingError ? `: ${error.message}` : '';
    throw rejected(`The address that the browser came back to is not of this sign-in${why}.`);
  }
  throw rejected('The address that the browser came back to holds no code.');
}

function rejected(message: string, facts: { code?: string; description?: string | undefined } = {}): OAuthError {
  return new OAuthError(message, { failure: 'rejected-callback', maybeApplied: false, ...facts });
}
