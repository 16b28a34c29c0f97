import type { TokenSet } from '@moltbot/auth';
import { chooseOAuthClient, parseAuthFile, putCredential, putOAuthEntry, type StoredCredential } from '@moltbot/config';
import type { CredentialCheck } from '@moltbot/providers';
import { askProvider, type CliCredentials, oauthEntry, storedCredential } from '../auth/cli-credentials.js';
import { interruptible } from '../auth/interruptible.js';
import { loginOAuth } from '../auth/login-oauth.js';
import { readSecret } from '../auth/read-secret.js';
import { checkText, expiryText } from '../auth/show-report.js';
import { toSignInError } from '../auth/sign-in-error.js';
import { withCredentials } from '../auth/with-credentials.js';
import type { Command, CommandContext, CommandOptions } from '../context.js';
import { CommandError, type ExitName } from '../exit-codes.js';
import { table } from '../table.js';

/** As auth.json takes it. */
const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_.@+-]{1,128})?$/;
/** A command line may hold blanks, a key does not. */
const REFERENCE = /^(env|file|exec):./;

interface Call {
  readonly context: CommandContext;
  readonly options: CommandOptions;
  readonly name: string;
  readonly signal: AbortSignal;
}

/** Signs in to an account of a provider, or stores an API key; then asks the provider what it thinks of it. */
export const authLogin: Command = async ({ args, options, context }) => {
  const { messages } = context;
  const [name = ''] = args;
  if (!NAME.test(name)) throw new CommandError('usage', messages.authBadName(name));
  const isKey = options['key'] === true;
  if (isKey && (options['clientId'] ?? options['scopes'] ?? options['device']) !== undefined) {
    throw new CommandError('usage', messages.authKeyAndOAuth);
  }
  return interruptible(async ({ signal, interrupt }) => {
    const call = { context, options, name, signal };
    return isKey ? storeKey(call, interrupt) : signIn(call);
  });
};

async function storeKey({ context, name, signal }: Call, interrupt: () => void): Promise<ExitName | number> {
  const { output, messages, paths, stdin } = context;
  const question = messages.authAskKey(name);
  const key = await readSecret({ stdin, question, signal, interrupt, ask: (text) => process.stderr.write(text) });
  if (key === undefined) throw new CommandError('usage', messages.authNoKeyGiven);
  if (!REFERENCE.test(key.reveal()) && /[^\x21-\x7e]/.test(key.reveal())) {
    throw new CommandError('usage', messages.authBadKey);
  }
  const entry = { type: 'api_key', key: key.reveal() } as const;
  const [stored] = parseAuthFile({ text: JSON.stringify({ [name]: entry }), file: paths.authFile });
  if (stored === undefined) throw new CommandError('usage', messages.authBadName(name));
  return withCredentials(context, async (credentials) => {
    const isThere = credentials.config.credentials.some(({ id }) => id === name);
    const token = await credentials.tokenOf(stored);
    const check = await askProvider({ context, credentials, stored, token, signal });
    if (isThere && check.outcome === 'rejected') {
      const text = `${checkText(check, messages)}\n${messages.authNothingStored} ${messages.authOldStays}`;
      throw new CommandError('failed', text, { code: 'credential_rejected' });
    }
    await putCredential({ paths, id: name, entry });
    await credentials.reload();
    output.note(messages.authKeyStored(name, paths.authFile));
    await credentials.note({ action: 'credential.put', target: name });
    return report({ context, credentials, stored, check });
  });
}

async function signIn({ context, options, name, signal }: Call): Promise<ExitName | number> {
  const { output, messages, paths } = context;
  return withCredentials(context, async (credentials) => {
    const isThere = await tellOfPresent(context, credentials, name);
    const stored = choose({ context, options, name, credentials });
    const entry = oauthEntry(context, stored);
    const { provider } = stored;
    const { oauth } = credentials.config.settings.providers[provider] ?? {};
    if (oauth === undefined) throw new CommandError('refused', messages.authNoEndpoints(provider));
    const isChosen = isChoice(options);
    const write = async (): Promise<void> => {
      await putOAuthEntry({ paths, id: name, entry });
      await credentials.reload();
      output.note(messages.authEntryWritten(name, paths.authFile));
    };
    // A client that nobody is signed in with can be written at once; another's place is taken only by a success.
    if (isChosen && !isThere) await write();
    // Before a person takes the trouble.
    await credentials.assertKeepsTokens();
    let tokens: TokenSet;
    try {
      tokens = await credentials.withClient(stored, async (client) =>
        loginOAuth({
          context,
          client,
          grant: options['device'] === true ? 'device_code' : (entry.grant ?? 'authorization_code'),
          redirectUri: oauth.redirect_uri,
          mayOpenBrowser: options['browser'] !== false,
          signal,
        }),
      );
      await credentials.vault.signedIn(name, tokens);
      if (isChosen && isThere) await write();
    } catch (error) {
      signal.throwIfAborted();
      if (isThere) output.note(messages.authOldStays);
      throw toSignInError(error, messages);
    }
    output.note(messages.authSignedIn(name, whoOf(tokens.account)));
    await credentials.note({ action: 'credential.sign_in', target: name });
    const token = tokens.accessToken;
    const check = await askProvider({ context, credentials, stored, token, signal });
    return report({ context, credentials, stored, check, tokens });
  });
}

function isChoice({ clientId, scopes }: CommandOptions): boolean {
  return typeof clientId === 'string' || typeof scopes === 'string';
}

/** The entry as it stands, or as the options want it to be. */
function choose(call: {
  readonly context: CommandContext;
  readonly options: CommandOptions;
  readonly name: string;
  readonly credentials: CliCredentials;
}): StoredCredential {
  const { context, options, name, credentials } = call;
  if (!isChoice(options)) return storedCredential(context, credentials.config, name);
  const { clientId, scopes } = options;
  const before = credentials.config.credentials.find(({ id }) => id === name)?.entry;
  const entry = chooseOAuthClient(before, {
    clientId: typeof clientId === 'string' ? clientId : undefined,
    scopes: typeof scopes === 'string' ? scopes.split(/[\s,]+/).filter((scope) => scope !== '') : undefined,
    grant: options['device'] === true ? 'device_code' : undefined,
  });
  if (entry === undefined) throw new CommandError('usage', context.messages.authScopesNeedClient);
  return { id: name, provider: name.split(':', 1)[0] ?? name, entry };
}

/** @returns whether there is a sign-in that still serves */
async function tellOfPresent(context: CommandContext, { vault }: CliCredentials, name: string): Promise<boolean> {
  const { output, messages } = context;
  const present = (await vault.status()).find(({ id }) => id === name);
  if (present?.type !== 'oauth' || (present.state !== 'ok' && present.state !== 'expiring')) return false;
  output.note(messages.authReplaces(name, whoOf(present.account)));
  return true;
}

/** What is there now, and what the provider says of it. */
async function report(result: {
  readonly context: CommandContext;
  readonly credentials: CliCredentials;
  readonly stored: StoredCredential;
  readonly check: CredentialCheck;
  readonly tokens?: TokenSet;
}): Promise<ExitName | number> {
  const { context, credentials, stored, check, tokens } = result;
  const { output, messages } = context;
  const { id, provider, entry } = stored;
  const asked = entry.type === 'oauth' ? entry.scopes : [];
  const missing = tokens === undefined ? [] : asked.filter((scope) => !tokens.scopes.includes(scope));
  const { refreshable } = (await credentials.vault.status()).find((status) => status.id === id) ?? {};
  output.result({
    event: 'signed-in',
    id,
    provider,
    type: entry.type,
    account: tokens?.account === undefined ? null : whoOf(tokens.account),
    scopes: { asked, granted: tokens?.scopes ?? [], missing },
    expiresAt: tokens?.expiresAt === undefined ? null : new Date(tokens.expiresAt).toISOString(),
    refreshable: refreshable ?? false,
    test: check,
  });
  const rows = [[messages.authFactTest, checkText(check, messages)]];
  if (tokens !== undefined) {
    const until = tokens.expiresAt === undefined ? messages.authNeverExpires : expiryText(tokens.expiresAt, messages);
    const renews = refreshable === true ? messages.authRefreshes : messages.authRefreshesNot;
    rows.unshift(
      [messages.authFactAccount, whoOf(tokens.account) || messages.authAccountUnknown],
      [messages.authFactScopes, tokens.scopes.join(' ') || messages.authNoScopes],
      ...(missing.length === 0 ? [] : [[messages.authFactMissing, output.style('yellow', missing.join(' '))]]),
      [messages.authFactExpires, `${until}, ${renews}`],
    );
  }
  output.line(table(rows));
  return check.outcome === 'rejected' ? 'failed' : 'ok';
}

function whoOf(account: TokenSet['account']): string {
  return account?.email ?? account?.subject ?? '';
}
