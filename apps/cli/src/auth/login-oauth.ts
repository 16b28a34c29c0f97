import { setTimeout as sleep } from 'node:timers/promises';
import { createInterface } from 'node:readline';
import {
  type CallbackListener,
  type OAuthClient,
  OAuthError,
  openCallbackListener,
  type TokenSet,
} from '@moltbot/auth';
import type { OAuthEntry } from '@moltbot/config';
import type { CommandContext } from '../context.js';
import { openBrowser } from './open-browser.js';
import { timeLeft } from './time-left.js';

export interface LoginOptions {
  readonly context: CommandContext;
  readonly client: OAuthClient;
  readonly grant: NonNullable<OAuthEntry['grant']>;
  /** `providers.NAME.oauth.redirect_uri` */
  readonly redirectUri: string | undefined;
  readonly mayOpenBrowser: boolean;
  readonly signal: AbortSignal;
}

/** Signs in by the way of the entry, as far as the tokens. @throws OAuthError; the signal's reason */
export async function loginOAuth(options: LoginOptions): Promise<TokenSet> {
  const { context, client, grant, signal } = options;
  const { output, messages } = context;
  switch (grant) {
    case 'client_credentials':
      output.note(messages.authSigningIn);
      return client.clientCredentials({ signal });
    case 'device_code':
      return withDevice(options);
    case 'authorization_code':
      return withBrowser(options);
  }
}

async function withBrowser({ context, client, redirectUri, mayOpenBrowser, signal }: LoginOptions): Promise<TokenSet> {
  const { output, messages, env } = context;
  const listener = await openListener(context, redirectUri);
  const lines = createInterface({ input: context.stdin, terminal: false });
  try {
    const pending = await client.beginAuthorization({ redirectUri: listener.redirectUri, signal });
    tell(context, { event: 'authorization-url', url: pending.url }, [messages.authOpenUrl, `\n  ${pending.url}\n`]);
    if (mayOpenBrowser && (await openBrowser({ url: pending.url, env }))) output.note(messages.authBrowserOpened);
    output.note(listener.isListening ? messages.authPaste : messages.authPasteOnly(listener.redirectUri));
    const callbackUrl = await listener.waitFor({
      state: pending.state,
      signal,
      paste: lines,
      onPasteProblem: (problem) => output.note(messages.authPasteProblem[problem]),
    });
    return await client.finishAuthorization({ pending, callbackUrl, signal });
  } finally {
    lines.close();
    context.stdin.pause();
    await listener.close();
  }
}

/** A port that is taken (by the running server itself, where the address is one of its pages) leaves the pasted address. */
async function openListener(
  { output, messages }: CommandContext,
  redirectUri: string | undefined,
): Promise<CallbackListener> {
  try {
    return await openCallbackListener({ redirectUri });
  } catch (error) {
    if (redirectUri === undefined || !(error instanceof OAuthError) || !isPortTaken(error.cause)) throw error;
    output.note(messages.authCallbackPort(redirectUri));
    return openCallbackListener({ redirectUri, listen: false });
  }
}

function isPortTaken(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
}

async function withDevice({ context, client, signal }: LoginOptions): Promise<TokenSet> {
  const { output, messages } = context;
  const device = await client.beginDevice({ signal });
  const { userCode, verificationUri, verificationUriComplete, expiresAt } = device;
  tell(
    context,
    {
      event: 'device-code',
      userCode,
      verificationUri,
      verificationUriComplete: verificationUriComplete ?? null,
      expiresAt: new Date(expiresAt).toISOString(),
    },
    [
      messages.authDeviceOpen(verificationUriComplete ?? verificationUri),
      `\n  ${output.errorStyle('bold', userCode)}\n`,
    ],
  );
  const over = new AbortController();
  const counting = process.stderr.isTTY && !output.json ? countDown(context, expiresAt, over.signal) : undefined;
  try {
    return await client.finishDevice({ device, signal });
  } finally {
    over.abort();
    await counting;
  }
}

/** A line that is written over each second. */
async function countDown({ messages }: CommandContext, endsAt: number, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted) {
      process.stderr.write(`\r\u001b[K${messages.authDeviceWaits(timeLeft(endsAt - Date.now()))}`);
      await sleep(1_000, undefined, { signal });
    }
  } catch {
    // It is over.
  }
  process.stderr.write('\r\u001b[K');
}

/** What a person has to do now: on stderr for people, as an event of its own for programs. */
function tell({ output }: CommandContext, event: Readonly<Record<string, unknown>>, lines: readonly string[]): void {
  output.result(event);
  for (const line of lines) output.note(line);
}
