import type { TokenIntrospection } from '../oauth-client.js';
import { OAuthError } from '../oauth-error.js';
import type { Answer } from './exchange.js';
import { scopesOf } from './token-answer.js';

/** RFC 7662 section 2.2; of what is optional only what can be believed. @throws OAuthError `bad-answer` */
export function toIntrospection(options: { readonly answer: Answer; readonly host: string }): TokenIntrospection {
  const { active, scope, exp } = options.answer.json ?? {};
  if (typeof active !== 'boolean') {
    throw new OAuthError(`The introspection endpoint at ${options.host} does not say whether the token is active.`, {
      failure: 'bad-answer',
      maybeApplied: false,
    });
  }
  const isTime = typeof exp === 'number' && Number.isFinite(exp) && exp > 0 && exp < 1e11;
  return {
    active,
    scopes: scopesOf(scope),
    expiresAt: isTime ? exp * 1_000 : undefined,
  };
}
