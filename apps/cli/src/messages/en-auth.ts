/** What `moltbot auth` says, in English. */
export const englishAuth = (command: string) => ({
  authUnknown: (name: string, names: string) =>
    `auth.json has no entry \`${name}\`${names === '' ? '' : ` (there are: ${names})`}. Make one: ${command} auth login ${name} --client-id ID, or with --key.`,
  authBadName: (name: string) =>
    `\`${name}\` is no name of a credential: write PROVIDER or PROVIDER:ACCOUNT, as openai:team-b.`,
  authNoEndpoints: (provider: string) =>
    `It is not known where accounts of ${provider} sign in. Set it: ${command} config set providers.${provider}.oauth.issuer URL`,
  authIsKey: (name: string) =>
    `\`${name}\` is an API key: there is nothing to sign in to or out of. \`${command} auth login ${name} --key\` replaces it, \`${command} auth logout ${name} --remove\` removes it.`,
  authKeyAndOAuth: '--key goes with none of --client-id, --scopes and --device.',
  authScopesNeedClient: 'For a new entry --scopes needs --client-id too.',
  authNoKeyGiven: 'No key was given.',
  authBadKey: 'The key holds a space, a line end or a character that no key has.',
  authAskKey: (name: string) => `API key of ${name} (it is not shown; or env:NAME, file:PATH, exec:COMMAND): `,
  authKeyStored: (name: string, file: string) => `${name}: the key is in ${file}.`,
  authEntryWritten: (name: string, file: string) => `${name}: written to ${file}.`,
  authReplaces: (name: string, account: string) =>
    `${name} is signed in already${account === '' ? '' : ` as ${account}`}. That stays in use until the new sign-in has succeeded.`,
  authOpenUrl: 'Open this address in a browser and agree there:',
  authBrowserOpened: 'A browser was opened.',
  authPaste: 'Is the browser on another machine? Then paste the address that it ends at here:',
  authPasteOnly: (uri: string) =>
    `The provider sends the browser back to ${uri}. Paste the whole address that it ends at here:`,
  authPasteProblem: {
    'not-an-address': 'That is no address. Copy the whole of it from the browser.',
    'no-code': 'That address holds no code: it is not the one that the browser ends at.',
    'other-sign-in': 'That address belongs to another sign-in.',
    'too-long': 'That is too long to be the address.',
  },
  authDeviceOpen: (uri: string) => `Open ${uri} on any device and enter this code:`,
  authDeviceWaits: (left: string) => `waiting … ${left} left`,
  authSigningIn: 'signing in …',
  authSignedIn: (name: string, account: string) => `${name}: signed in${account === '' ? '' : ` as ${account}`}.`,
  authNothingStored: 'Nothing was stored.',
  authOldStays: 'What was there before is still in use.',
  authFactAccount: 'account',
  authFactScopes: 'scopes',
  authFactMissing: 'not granted',
  authFactExpires: 'token until',
  authFactTest: 'test',
  authAccountUnknown: 'the provider did not say',
  authNoScopes: 'none were asked for',
  authNeverExpires: 'no end known',
  authRefreshes: 'renews itself',
  authRefreshesNot: 'does not renew itself',
  authIn: (time: string) => `in ${time}`,
  authAgo: (time: string) => `${time} ago`,
  authFailure: {
    refused: (code: string) => `The provider refused: ${code}.`,
    unreachable: (host: string) => `${host} can’t be reached.`,
    timeout: (host: string) => `${host} did not answer in time.`,
    unavailable: (host: string) => `${host} is not available at the moment.`,
    'bad-answer': (host: string) =>
      `${host} gave no OAuth answer: the address in \`oauth\` is not its own, or a proxy is in the way.`,
    'rejected-callback': (code: string) => `The sign-in was not finished: ${code}.`,
    misconfigured: (what: string) => `The sign-in is not configured completely: ${what}`,
  },
  authTokenHost: 'The token host',
  authDeclined: 'You, or an administrator at the provider, declined.',
  authCodeExpired: 'Nobody entered the code in time.',
  authCallbackPort: (uri: string) => `The port of ${uri} is taken: paste the address that the browser ends at instead.`,

  authLoggedOut: (name: string) => `${name}: signed out, the tokens are forgotten here.`,
  authWasSignedOut: (name: string) => `${name} was not signed in.`,
  authRevoked: 'The provider has revoked them too.',
  authNoRevocation: 'The provider has no way to revoke them: they end by themselves.',
  authRevokeFailed: (why: string) => `The provider was not told; they end there by themselves. ${why}`,
  authRemoved: (name: string, file: string) => `${name} is removed from ${file}.`,

  authNone: `auth.json has no entry. Make one: ${command} auth login NAME --client-id ID, or with --key.`,
  columnType: 'TYPE',
  columnAccount: 'ACCOUNT',
  columnToken: 'TOKEN UNTIL',
  columnAsked: 'ASKED',
  authTypes: { api_key: 'API key', oauth: 'OAuth' },
  authStates: {
    ok: 'ready',
    expiring: 'ends soon',
    expired: 'expired',
    revoked: 'revoked',
    'signed-out': 'not signed in',
    unresolved: 'key not found',
    rejected: 'rejected',
  },
  authAsked: {
    accepted: (by: string) => `${by}: accepted`,
    rejected: (by: string) => `${by}: rejected`,
    unknown: (by: string, why: string) => `${by}: not asked (${why})`,
    introspection: 'authorization server',
    models: 'model list',
    refresh: 'token host',
    none: 'not asked',
  },
  authServerView: (url: string) => `Cool-downs: as the server at ${url} sees them.`,
  authServerDown: 'No server runs: what it would hold against a credential is not known.',
  authServerRefused: (code: string) =>
    `The running server does not say what it holds against credentials (${code}): set MOLTBOT_API_KEY to a key with the scope admin.`,
  authOffline: 'Nobody was asked (--offline): this is what auth.json and the token store say.',
  authStoreDown: (message: string) => `The token store does not answer: ${message}`,
  authProblem: {
    expired: (name: string) => `${name}: the token has expired and did not renew itself`,
    revoked: (name: string) => `${name}: the provider has ended the sign-in`,
    lostAnswer: (name: string) =>
      `${name}: the sign-in ended, perhaps because a process was killed while it renewed the token`,
    signedOut: (name: string) => `${name}: nobody is signed in`,
    unresolved: (name: string, why: string) => `${name}: ${why}`,
    rejected: (name: string, by: string, status: string) => `${name}: rejected by the ${by}${status}`,
    expiring: (name: string, when: string) => `${name}: the token ends ${when} and does not renew itself`,
    inactive: (name: string) =>
      `${name}: the authorization server has ended the sign-in, though the provider still takes its last token`,
    failing: (name: string, why: string) => `${name}: renewing the token fails (${why})`,
    missingScopes: (name: string, scopes: string) => `${name}: calls need scopes that were not granted: ${scopes}`,
    coolingDown: (name: string, until: string, reason: string) =>
      `${name}: the server leaves it alone for ${until} (${reason})`,
    coolingDownModel: (name: string, model: string, until: string, reason: string) =>
      `${name}: the server leaves it alone at ${model} for ${until} (${reason})`,
  },
  /** As it can be pasted. */
  authCommand: (words: string) => `${command} ${words}`,
  authNext: (what: string) => `next: ${what}`,
  authAllFine: 'All credentials are usable.',

  authTesting: (name: string) => `testing ${name} …`,
  authTestOk: (models: number, ms: number) => `accepted; models listed: ${models} (${ms} ms)`,
  authTestRejected: (status: string) => `the provider rejects it${status}`,
  authTestForbidden: 'the provider takes it, but does not let it list models',
  authTestUnknown: (why: string) => `can’t be told: ${why}`,
  authNothingToTest: 'Nothing to test: auth.json has no entry.',

  authReset: (name: string, count: number) =>
    count === 0 ? `${name}: nothing was held against it.` : `${name}: cleared (${count}).`,
  authResetNeedsServer: `No server runs: cool-downs are kept by the running server and end with it. Start one: ${command} start`,
});
