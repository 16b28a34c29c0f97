import type { FindingTexts } from './texts.js';

/** What each finding says, in English. */
export const englishFindings: FindingTexts = {
  'node-too-old': ({ found, needed }) => ({
    message: `This is Node ${found}; MoltBot needs ${needed} or later.`,
    action: 'Install a current Node, or start MoltBot by its script, which brings one along.',
  }),
  'home-not-writable': ({ path, code }) => ({
    message: `The home folder ${path} can’t be written (${code}).`,
    action: 'Give this user the folder, or name another with MOLTBOT_HOME.',
  }),
  'auth-file-mode': ({ path, mode }) => ({
    message: `${path} has mode ${mode}: other users of this machine can get at its keys.`,
    action: 'Take the file away from everybody but its owner.',
  }),
  'secret-key-mode': ({ path, mode }) => ({
    message: `${path} has mode ${mode}: other users of this machine can get at the tokens.`,
    action: 'Take it away from everybody but its owner.',
  }),
  'config-mistake': ({ place, detail }) => ({
    message: `Mistake in the configuration, ${place}: ${detail}`,
    action: 'Mend the line that is named; the checks that need the configuration are made after that.',
  }),
  'config-remark': ({ remark }) => ({ message: remark, action: 'Correct it, or take it out.' }),
  'disk-full': ({ path, free }) => ({
    message: `The disk of ${path} is full (${free} free): the database can’t write.`,
    action: 'Make room on that disk, or move the home with MOLTBOT_HOME.',
  }),
  'disk-low': ({ path, free }) => ({
    message: `The disk of ${path} is nearly full (${free} free).`,
    action: 'Make room on that disk before the database can’t write any more.',
  }),
  'port-taken': ({ port, setting, by }) => ({
    message: `Port ${port} (\`${setting}\`) is taken by ${by}.`,
    action: 'Stop what holds it, or choose another port.',
  }),
  'port-forbidden': ({ port, host, code, setting }) => ({
    message: `This user can’t listen on ${host}, port ${port} (${code}).`,
    action:
      code === 'EACCES'
        ? `Choose a port above 1023 for \`${setting}\`.`
        : `This machine has no such address: correct \`server.host\` or \`server.metrics_host\`.`,
  }),

  'server-silent': ({ url, pid }) => ({
    message: `MoltBot runs (process ${pid}), but does not answer at ${url}.`,
    action: 'Look at its log; if it stays silent, stop that process and start it again.',
  }),
  'server-not-ready': ({ url, checks }) => ({
    message: `The server at ${url} is not ready: ${checks}.`,
    action: 'Mend what is named; the server notices by itself.',
  }),
  'server-other-version': ({ running, installed }) => ({
    message: `Version ${running} runs, version ${installed} is installed.`,
    action: 'Start the server again to run the installed version.',
  }),
  'storage-unreachable': ({ where, reason }) => ({
    message: `The database ${where} does not answer: ${reason}`,
    action: 'Start it, or correct `storage.url`.',
  }),
  'storage-too-new': ({ migrations }) => ({
    message: `The database was changed by a newer version of MoltBot (${migrations}).`,
    action: 'Run that version, or set `storage.url` to another database.',
  }),
  'queue-unreachable': ({ where, reason }) => ({
    message: `The job queue ${where} does not answer: ${reason}`,
    action: 'Start it, or correct `queue.url`.',
  }),
  'state-unreachable': ({ where, reason }) => ({
    message: `The shared state ${where} does not answer: ${reason}`,
    action: 'Start it, or correct `state.url`.',
  }),
  'token-store-unreachable': ({ where, reason }) => ({
    message: `The store of the tokens (${where}) can’t be read: ${reason}`,
    action: 'Start it, or correct `credentials.store`.',
  }),
  'secret-key-missing': ({ reason }) => ({
    message: `The key that opens the stored tokens can’t be had: ${reason}`,
    action: 'Bring back the key that they were sealed with; where it is lost, sign in again.',
  }),

  'proxy-setting': ({ reason }) => ({
    message: `The system’s proxy setting can’t be read: ${reason}.`,
    action: 'Correct the variable that is named, as http://proxy.example.com:3128.',
  }),
  'proxy-unreachable': ({ proxy, host, code }) => ({
    message: `The proxy ${proxy}, by which ${host} is reached, can’t be reached itself (${code}).`,
    action: 'Correct the address of the proxy, or go without it.',
  }),
  'proxy-login': ({ proxy, host }) => ({
    message: `The proxy ${proxy} wants a login before it lets through to ${host} (407).`,
    action: 'Put user and password into the proxy’s address (http://USER:PASSWORD@PROXY:PORT), or correct those in it.',
  }),
  'proxy-refuses': ({ proxy, host, status }) => ({
    message:
      status >= 500
        ? `The proxy ${proxy} can’t get to ${host} itself (HTTP ${status}).`
        : `The proxy ${proxy} refuses connections to ${host} (HTTP ${status}).`,
    action: `Have ${host} permitted on the proxy, or go past it.`,
  }),
  'proxy-silent': ({ proxy, host }) => ({
    message: `The proxy ${proxy} does not answer when asked for ${host}.`,
    action: `Have ${host} permitted on the proxy, or go past it.`,
  }),
  'host-unknown': ({ host, code }) => ({
    message: `The name of ${host} is not known here (${code}).`,
    action: 'Check the address in the settings, and the name servers of this machine; behind a proxy, set HTTPS_PROXY.',
  }),
  'host-refuses': ({ host, code }) => ({
    message: `${host} takes no connections (${code}).`,
    action: 'Check the address and the port, and that the service runs; a firewall may refuse too.',
  }),
  'host-silent': ({ host, stage }) => ({
    message: `${host} does not answer (${stage}).`,
    action: 'A firewall may swallow the connection: have port 443 opened, or set HTTPS_PROXY where there is a proxy.',
  }),
  'host-breaks-off': ({ host, code }) => ({
    message: `The connection to ${host} is broken off (${code}).`,
    action: 'Something in between ends it: ask who runs the firewall or the proxy.',
  }),
  'ca-file': ({ reason }) => ({
    message: reason.endsWith('.') ? reason : `${reason}.`,
    action: 'Put a PEM file with the certificate authority there, or correct `ca_file`.',
  }),
  'tls-intercepted': ({ host, issuer, proxy }) => ({
    message: `${proxy === '' ? 'Something in between' : `The proxy ${proxy}`} opens the encryption to ${host}: the certificate is by “${issuer}”, which is not trusted here.`,
    action: `Get the certificate of “${issuer}” from those who run it, and trust it for this provider.`,
  }),
  'tls-unknown-authority': ({ host, issuer, proxy }) => ({
    message: `The certificate of ${host}${proxy === '' ? '' : `, as it comes through the proxy ${proxy},`} is by “${issuer}”, which is not trusted here.`,
    action: 'Where that is your own authority (or the proxy’s), trust its certificate for this provider.',
  }),
  'tls-expired': ({ host, until }) => ({
    message: `By this machine’s clock the certificate of ${host} expired on ${until}.`,
    action: 'Check this machine’s date; where it is right, the service has to renew its certificate.',
  }),
  'tls-not-yet-valid': ({ host, from }) => ({
    message: `By this machine’s clock the certificate of ${host} is not valid before ${from}.`,
    action: 'Set this machine’s clock.',
  }),
  'tls-wrong-host': ({ host, names }) => ({
    message: `What answers as ${host} has a certificate for ${names}.`,
    action: 'Check the address; another server answers there, or a proxy in its place.',
  }),
  'tls-broken': ({ host, code }) => ({
    message: `No encrypted connection to ${host} comes about (${code}).`,
    action: 'Check that the address begins with the right one of http:// and https://, and who is in between.',
  }),
  'oauth-discovery': ({ url, reason }) => ({
    message: `Where tokens are issued can’t be found${url === '' ? '' : ` from ${url}`}: ${reason}.`,
    action: 'Correct `oauth.issuer` of the provider, or name `oauth.token_endpoint` in config.yml.',
  }),

  'clock-off': ({ offset, hosts }) => ({
    message: `This machine’s clock is off by ${offset}: ${hosts} servers agree on another time.`,
    action: 'Set the clock, and keep it right by NTP.',
  }),
  'clock-off-one': ({ offset, host }) => ({
    message: `This machine’s clock is probably off by ${offset}: the only server that could be asked, ${host}, has another time.`,
    action: 'Set the clock, and keep it right by NTP.',
  }),
  'clock-theirs': ({ offset, host, others }) => ({
    message: `The clock of ${host} is off by ${offset}; ${others} others agree with this machine.`,
    action: 'This machine’s clock is right: tell those who run that server.',
  }),
  'clock-unclear': ({ hosts }) => ({
    message: `The ${hosts} servers that were asked each have another time, and none has this machine’s.`,
    action: 'Compare this machine’s clock with one that you trust.',
  }),

  'key-missing': ({ provider }, command) => ({
    message: `The provider \`${provider}\` needs a credential, and there is none.`,
    action: `Add one to auth.json, or: ${command} auth login ${provider}`,
  }),
  'key-unreadable': ({ id, from, reason }) => ({
    message: `The key of \`${id}\` can’t be had (${from}): ${reason}`,
    action: 'Correct what auth.json refers to, or put the key itself there.',
  }),
  'key-rejected': ({ id, status }) => ({
    message: `The provider rejects the key of \`${id}\` (HTTP ${status}).`,
    action: 'Make another key at the provider, and replace it in auth.json.',
  }),
  'key-forbidden': ({ id, status }) => ({
    message: `The provider knows \`${id}\`, but does not let it list models (HTTP ${status}).`,
    action: 'If calls fail too, give it the permission at the provider; else this can stay.',
  }),
  'provider-failing': ({ provider, url, status }) => ({
    message: `The provider \`${provider}\` fails by itself: ${url} answers HTTP ${status}.`,
    action: 'Wait, and look at the provider’s own status page; a chain with fallbacks goes on meanwhile.',
  }),
  'no-models-api': ({ provider, url, what }) => ({
    message: `${url} is no list of models (${what}): \`base_url\` of \`${provider}\` may be wrong.`,
    action: 'Let `base_url` end with the version of the API, as in https://api.example.com/v1.',
  }),

  'not-signed-in': ({ id }) => ({ message: `Nobody has signed in to \`${id}\`.`, action: 'Sign in.' }),
  'wrong-account': ({ id, wanted, found }) => ({
    message: `\`${id}\` is signed in as ${found}; auth.json demands ${wanted}.`,
    action: `Sign in as ${wanted}.`,
  }),
  'refresh-expired': ({ id, idle }) => ({
    message: `The refresh token of \`${id}\` was refused after ${idle} without use: most likely it has expired.`,
    action: 'Sign in again. A server that runs keeps it alive.',
  }),
  'refresh-revoked': ({ id, at }) => ({
    message: `The sign-in of \`${id}\` was ended by the provider (found on ${at}), though it was in use: it was revoked.`,
    action: 'Sign in again. A changed password, an administrator or the account’s own settings end sign-ins.',
  }),
  'refresh-reused': ({ id, at }) => ({
    message: `The refresh token of \`${id}\` was used twice: an answer got lost, and on ${at} the provider ended the sign-in for it.`,
    action: 'Sign in again. A network that loses answers, or another program with the same tokens, brings it about.',
  }),
  'no-refresh-token': ({ id, expires }) => ({
    message: `The token of \`${id}\` ends on ${expires}, and there is no refresh token.`,
    action: 'Ask for the scope that gives one (often `offline_access`), and sign in again.',
  }),
  'token-expired': ({ id, expired }) => ({
    message: `The token of \`${id}\` expired on ${expired}, and there is no refresh token.`,
    action: 'Sign in again; ask for the scope that gives a refresh token (often `offline_access`).',
  }),
  'client-refused': ({ id, code }) => ({
    message: `The token host does not take the OAuth client of \`${id}\` (${code}).`,
    action: 'Compare `client_id`, the secret and `client_auth` with what is registered at the provider.',
  }),
  'refresh-failing': ({ id, failure, times }) => ({
    message: `Refreshing \`${id}\` fails (${failure}, ${times} in a row).`,
    action: failure.startsWith('bad-answer')
      ? 'What answers there is no OAuth server: compare `oauth` of the provider in config.yml, and look for a page of a proxy or of a guest network.'
      : 'The server goes on trying; look at the findings about the way to the token host first.',
  }),
  'refresh-hangs': ({ id, since }) => ({
    message: `A refresh of \`${id}\` was begun on ${since} and never ended: its process was killed.`,
    action: 'The next server that needs the token takes it over; start one.',
  }),
  'token-rejected': ({ id, status }) => ({
    message: `The provider rejects the living token of \`${id}\` (HTTP ${status}).`,
    action:
      'Check that `base_url` and `oauth` of the provider belong together (`audience`, `resource`), then sign in again.',
  }),
  'scopes-not-asked': ({ id, missing }) => ({
    message: `\`${id}\` does not ask for scopes that calls need: ${missing}.`,
    action: `Add them to \`scopes\` of \`${id}\` in auth.json, and sign in again.`,
  }),
  'scopes-not-granted': ({ id, missing }) => ({
    message: `The provider did not grant \`${id}\` all scopes: ${missing} missing.`,
    action: 'Have them permitted for the client at the provider, then sign in again and agree to them.',
  }),
  'scopes-refused': ({ id, needed }) => ({
    message: `The provider says that the token of \`${id}\` lacks a scope: it takes ${needed}.`,
    action: `Add it to \`scopes\` of \`${id}\` in auth.json, and sign in again.`,
  }),
  'callback-port': ({ port, uri, by }) => ({
    message: `The sign-in comes back to ${uri}, but port ${port} is not to be had: ${by}.`,
    action:
      'Stop what holds it, or register another `oauth.redirect_uri` at the provider; the address can be pasted too.',
  }),
  'callback-elsewhere': ({ host, uri }) => ({
    message: `The sign-in comes back to ${uri}; ${host} is not this machine.`,
    action: 'Paste the address that the browser ends at, or register a `redirect_uri` on 127.0.0.1.',
  }),
  'callback-proxy': ({ proxy, uri, status }) => ({
    message: `A browser that asks the proxy ${proxy} for ${uri} too does not come back from the sign-in (${status}).`,
    action: 'Except this machine from the proxy: NO_PROXY=localhost,127.0.0.1, and the same in the browser.',
  }),

  'oidc-unreachable': ({ issuer, reason }) => ({
    message: `The issuer ${issuer} can’t be asked: ${reason}.`,
    action: 'Correct `server.oidc.issuer`, or the way there.',
  }),
  'oidc-other-issuer': ({ issuer, told }) => ({
    message: `What answers for ${issuer} calls itself ${told}.`,
    action: 'Set `server.oidc.issuer` to exactly what it calls itself.',
  }),
  'oidc-no-keys': ({ url, reason }) => ({
    message: `No key for callers’ tokens comes from ${url}: ${reason}.`,
    action: 'Correct `server.oidc.jwks_uri` or `server.oidc.algorithms`.',
  }),

  'check-timed-out': ({ seconds }) => ({
    message: `The check did not end within ${seconds} s.`,
    action: 'What it looks at hangs: try it alone with `--only`.',
  }),
  'check-failed': ({ reason }) => ({
    message: `The check itself failed: ${reason}`,
    action: 'This is a fault of the doctor: report it with this line.',
  }),
};
