import { OAuthError, type TokenSet } from '@moltbot/auth';
import { removeCredential, type StoredCredential } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { type CliCredentials, storedCredential } from '../auth/cli-credentials.js';
import { interruptible } from '../auth/interruptible.js';
import { oauthFailureText } from '../auth/sign-in-error.js';
import { withCredentials } from '../auth/with-credentials.js';
import type { Command, CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';

/** How the provider took it; nobody was told where there was nothing to give back. */
type Revocation = 'revoked' | 'no-endpoint' | 'failed' | null;

/** Forgets the tokens of a sign-in here, then has the provider revoke them as far as it can. */
export const authLogout: Command = async ({ args, options, context }) => {
  const { output, messages, paths } = context;
  const [name = ''] = args;
  const remove = options['remove'] === true;
  return interruptible(async ({ signal }) =>
    withCredentials(context, async (credentials) => {
      const stored = storedCredential(context, credentials.config, name);
      if (stored.entry.type === 'api_key' && !remove) throw new CommandError('usage', messages.authIsKey(name));
      const before = (await credentials.vault.status()).find(({ id }) => id === name);
      const wasSignedIn = stored.entry.type === 'oauth' && before?.state !== 'signed-out';
      let revocation: Revocation = null;
      if (stored.entry.type === 'oauth') {
        const tokens = await credentials.vault.signedOut(name);
        output.line(wasSignedIn ? messages.authLoggedOut(name) : messages.authWasSignedOut(name));
        if (tokens !== undefined) revocation = await revoke({ context, credentials, stored, tokens, signal });
      }
      if (remove) {
        await removeCredential({ paths, id: name });
        output.line(messages.authRemoved(name, paths.authFile));
      }
      await credentials.note({ action: remove ? 'credential.remove' : 'credential.sign_out', target: name });
      output.result({ id: name, signedOut: wasSignedIn, revocation, removed: remove });
      return 'ok';
    }),
  );
};

async function revoke(options: {
  readonly context: CommandContext;
  readonly credentials: CliCredentials;
  readonly stored: StoredCredential;
  readonly tokens: TokenSet;
  readonly signal: AbortSignal;
}): Promise<Revocation> {
  const { context, credentials, stored, tokens, signal } = options;
  const { output, messages } = context;
  const { refreshToken, accessToken } = tokens;
  try {
    const isTold = await credentials.withClient(stored, async (client) => {
      // The refresh token first: with it ends what could make new ones.
      if (refreshToken !== undefined) await client.revoke({ token: refreshToken, kind: 'refresh_token', signal });
      return client.revoke({ token: accessToken, kind: 'access_token', signal });
    });
    output.line(isTold ? messages.authRevoked : messages.authNoRevocation);
    return isTold ? 'revoked' : 'no-endpoint';
  } catch (error) {
    if (!(error instanceof OAuthError) && !(error instanceof MoltbotError)) throw error;
    const why = error instanceof OAuthError ? oauthFailureText(error, messages) : error.message;
    output.note(messages.authRevokeFailed(why.replace(/[.。]$/, '')));
    return 'failed';
  }
}
