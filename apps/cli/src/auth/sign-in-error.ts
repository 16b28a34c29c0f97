import { OAuthError } from '@moltbot/auth';
import { CommandError } from '../exit-codes.js';
import type { Messages } from '../messages/messages.js';

/** What a person is told of a sign-in that failed; other errors as they are. Nothing was stored. */
export function toSignInError(error: unknown, messages: Messages): unknown {
  if (!(error instanceof OAuthError)) return error;
  const lines = [oauthFailureText(error, messages), error.description, messages.authNothingStored];
  const text = lines.filter((line) => line !== undefined).join('\n');
  const action = messages.errorAction('sign_in_failed');
  return new CommandError('failed', `${text}\n${action}`, { code: 'sign_in_failed', cause: error });
}

/** One line. */
export function oauthFailureText({ failure, code = 'other', message }: OAuthError, messages: Messages): string {
  const { authFailure, authTokenHost } = messages;
  switch (failure) {
    case 'refused':
    case 'rejected-callback':
      if (code === 'access_denied') return messages.authDeclined;
      if (code === 'expired_token') return messages.authCodeExpired;
      return authFailure[failure](code === 'other' ? message : code);
    case 'misconfigured':
      return authFailure.misconfigured(message);
    case 'unreachable':
    case 'timeout':
    case 'unavailable':
    case 'bad-answer':
      return `${authFailure[failure](authTokenHost)} ${message}`;
  }
}
