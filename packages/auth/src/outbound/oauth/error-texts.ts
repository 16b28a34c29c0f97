/**
 * Error codes that are told on: RFC 6749 (4.1.2.1, 5.2), RFC 6750, RFC 7009, RFC 8628, RFC 8707, RFC 9449 and OpenID Connect Core
 * 3.1.2.6. Others become `other`: what a server made up may hold anything.
 */
const CODES = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'access_denied',
  'unsupported_response_type',
  'server_error',
  'temporarily_unavailable',
  'invalid_token',
  'insufficient_scope',
  'unsupported_token_type',
  'authorization_pending',
  'slow_down',
  'expired_token',
  'invalid_target',
  'use_dpop_nonce',
  'interaction_required',
  'login_required',
  'account_selection_required',
  'consent_required',
  'request_not_supported',
  'request_uri_not_supported',
  'registration_not_supported',
]);

const LONGEST_DESCRIPTION = 200;
/** Shorter ones could not be told from ordinary words. */
const SHORTEST_SECRET = 6;

export function knownCode(code: string): string {
  return CODES.has(code) ? code : 'other';
}

/** What a server wrote for people, in printable ASCII, without the secrets that it may have copied from the request. */
export function cleanDescription(text: unknown, secrets: readonly string[]): string | undefined {
  if (typeof text !== 'string') return undefined;
  let clean = text;
  for (const secret of secrets) {
    if (secret.length < SHORTEST_SECRET) continue;
    clean = clean.replaceAll(secret, '***').replaceAll(encodeURIComponent(secret), '***');
  }
  clean = clean
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .replaceAll(/ +/g, ' ')
    .trim();
  if (clean === '') return undefined;
  return clean.length > LONGEST_DESCRIPTION ? `${clean.slice(0, LONGEST_DESCRIPTION - 3)}...` : clean;
}
