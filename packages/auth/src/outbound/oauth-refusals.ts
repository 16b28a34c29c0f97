import { type ErrorCode, MoltbotError } from '@moltbot/contracts';
import type { RefreshFailure, TokenRecord } from './token-record.js';

/** Nobody signed in to it, or somebody signed out. */
function missing(id: string): MoltbotError {
  return new MoltbotError('credential_missing', `Nobody is signed in to \`${id}\`: run \`moltbot auth login ${id}\`.`);
}

/** Why a credential that can't be refreshed has no live token. */
export function refusalOf({ id, record }: { id: string; record: TokenRecord | undefined }): MoltbotError {
  switch (record?.state) {
    case 'signed-in':
      return new MoltbotError(
        'credential_expired',
        `The token of \`${id}\` has expired, and the provider gave no refresh token: run \`moltbot auth login ${id}\`.`,
      );
    case 'revoked':
      return new MoltbotError('credential_expired', `${REVOKED[record.why](id)} Run \`moltbot auth login ${id}\`.`);
    default:
      return missing(id);
  }
}

const REVOKED = {
  refused: (id: string) => `The provider does not take the refresh token of \`${id}\` any more.`,
  'lost-answer': (id: string) =>
    `The provider does not take the refresh token of \`${id}\` any more: a refresh may have used it whose answer was lost.`,
} as const;

/** No live token, and the last refresh did not bring one. */
export function refreshFailed(options: {
  readonly id: string;
  readonly failure?: RefreshFailure | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}): MoltbotError {
  const { id, failure, retryAfterMs, cause } = options;
  const facts = [failure?.failure, failure?.code, failure?.status === undefined ? undefined : `HTTP ${failure.status}`];
  const known = facts.filter((fact) => fact !== undefined).join(', ');
  const told = known === '' ? '' : ` (${known})`;
  return new MoltbotError('credential_refresh_failed', `The token of \`${id}\` could not be refreshed${told}.`, {
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) }),
  });
}

/** What `tokenFor` may say. */
const TOKEN_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'credential_missing',
  'credential_expired',
  'credential_refresh_failed',
  'token_store_unavailable',
  'secret_key_unavailable',
  'shutting_down',
]);

/** Whatever stood in the way of a refresh (a wrong setting, a file that is missing), as what the caller has to do with. */
export function toTokenError(id: string, cause: unknown): MoltbotError {
  if (!(cause instanceof MoltbotError)) return refreshFailed({ id, cause });
  if (TOKEN_ERRORS.has(cause.code)) return cause;
  return new MoltbotError('credential_refresh_failed', cause.message, { cause });
}
