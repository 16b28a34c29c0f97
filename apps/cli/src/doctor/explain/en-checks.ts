import type { CheckId } from '../check.js';
import type { Explanation } from './explanation.js';

/** What each check looks at, in English. */
export const englishChecks: Readonly<Record<CheckId, Explanation>> = {
  'node.version': {
    what: 'Whether the Node that runs this command is new enough for MoltBot.',
    why: 'Systems bring old versions along, and a shell may find another Node than the script that starts the server.',
    remedy:
      'Install a current Node, or start MoltBot by its script: it brings one along where the machine’s is too old.',
  },
  'files.home': {
    what: 'Whether the home folder (~/.moltbot, or MOLTBOT_HOME) is there or can be made, and can be written.',
    why: 'A first start with sudo leaves it to root; containers mount it read-only.',
    remedy: 'Give the folder to the user that runs MoltBot, or name another with MOLTBOT_HOME.',
  },
  'files.auth-mode': {
    what: 'Whether other users of this machine can read auth.json, which holds keys.',
    why: 'An editor or a copy makes files readable for everybody.',
    remedy: '`chmod 600` on the file; `--fix` does it.',
  },
  'files.secret-key-mode': {
    what: 'Whether others can get at the key that seals the providers’ tokens, or at the folder in which the tokens are.',
    why: 'Copies and backups lose modes.',
    remedy:
      '`chmod 600` on the key, `chmod 700` on the folder; `--fix` does it. Where others could read them, sign in again.',
  },
  'config.valid': {
    what: 'Whether config.yml, auth.json, MOLTBOT_… variables and the system’s proxy variables can be read.',
    why: 'A key that is misspelled, a value of the wrong kind, YAML that is indented wrongly.',
    remedy:
      'Each mistake names file, line, key and what was expected. A running server keeps the last good configuration meanwhile.',
  },
  'disk.space': {
    what: 'How much room the disks of the home folder and of the log have. Below 1 GB is a warning, below 100 MB an error.',
    why: 'Logs, models and the database grow.',
    remedy: 'Make room, or move the home with MOLTBOT_HOME.',
  },
  'ports.chat': {
    what: 'Whether the server could listen on `server.host` and `server.port`. Where it runs already, there is nothing to check.',
    why: '8080 is a port that many programs take; or a MoltBot of another home runs.',
    remedy: 'Stop what holds it, or take another port; `--fix` sets the next free one.',
  },
  'ports.metrics': {
    what: 'Whether the metrics ports of primary and worker are free.',
    why: '9090 is Prometheus’ own usual port.',
    remedy: 'Take another port; `--fix` sets the next free one.',
  },
  'server.running': {
    what: 'Whether what was started for this home answers and says of itself that it is ready.',
    why: 'A server that starts, drains, has no model with a credential, or lost its database is not ready.',
    remedy: 'The names of the checks that fail are its own; its log has the details.',
  },
  'server.version': {
    what: 'Whether what runs is the version that is installed.',
    why: 'An update changes files, not processes.',
    remedy: 'Start the server again.',
  },
  'storage.reachable': {
    what: 'Whether the database of `storage.url` takes a connection and answers a query. The embedded one is only looked at: asking it would keep it running.',
    why: 'Wrong host, port, name or password; a firewall; a database that is full or out of connections.',
    remedy: 'The evidence has the database’s own answer.',
  },
  'storage.version': {
    what: 'Whether a newer version of MoltBot has changed the tables.',
    why: 'An older version was started after an update, or two versions share a database.',
    remedy: 'Run the newer version, or set `storage.url` to another database.',
  },
  'queue.reachable': {
    what: 'Whether the Redis or the database of `queue.url` answers.',
    why: 'Wrong address or password, a Redis that loads its data, a firewall.',
    remedy: 'Start it, or correct `queue.url`.',
  },
  'state.reachable': {
    what: 'Whether the Redis that processes share breakers, limits and cool-downs in answers.',
    why: 'As with the queue: `state.url` is its Redis unless set otherwise.',
    remedy: 'Start it, or correct `state.url`. Meanwhile each process counts for itself.',
  },
  'credentials.store': {
    what: 'Whether the tokens of accounts can be read where `credentials.store` keeps them, and whether the key to open them is there.',
    why: 'The store does not answer, or the key was not copied along with it.',
    remedy: 'Start the store; bring back the key (keyring, key file or MOLTBOT_SECRET_KEY), or sign in again.',
  },
  'provider.reachable': {
    what: 'Whether each provider’s model host and token host can be reached by the way that the server takes, stage by stage: name, connection, encryption, answer.',
    why: 'A name that is not known, a firewall, a wrong `base_url`, a network that is down, a proxy that should be asked and is not.',
    remedy: 'The evidence names the stage that failed and how long each took.',
  },
  'provider.proxy': {
    what: 'Whether the proxy that applies (a provider’s own `proxy`, else HTTPS_PROXY and NO_PROXY) lets through to both hosts.',
    why: 'Proxies permit some hosts only: the model host, but not the token host. Or they want a login (407), or are not there.',
    remedy:
      'Have the host permitted, put the login into the address, or set `proxy: direct` for the provider. The same way is measured past the proxy for comparison.',
  },
  'provider.tls': {
    what: 'Whether the certificates of the hosts are trusted, in date, and for the right name; and whether a proxy opens the encryption.',
    why: 'Company proxies and virus scanners show certificates of their own authority. It is recognised by one issuer for unrelated hosts, by another issuer past the proxy, or by a strange one at a public service.',
    remedy:
      'Get the authority’s certificate from those who run it, and name it as `ca_file` of the provider (or for all: NODE_EXTRA_CA_CERTS).',
  },
  'clock.offset': {
    what: 'By how much this machine’s clock differs from those of the providers: measured from the `Date` header of several answers, the time of the way taken out.',
    why: 'No NTP, a virtual machine that slept, WSL after Windows woke up, a dead battery. With a wrong clock certificates and sign-ins look expired or not yet valid.',
    remedy:
      'Set the clock. Where one server alone differs and the others agree with this machine, it is that server’s.',
  },
  'provider.credential': {
    what: 'Whether the provider takes each of its credentials: one GET of its list of models.',
    why: 'A key that was revoked or belongs to another project, a reference that leads nowhere, a `base_url` without its version.',
    remedy: 'Replace the key in auth.json, or sign in again.',
  },
  'credential.sign-in': {
    what: 'Whether each account of type `oauth` is signed in, as whom, and until when.',
    why: 'Nobody has signed in yet; another account did than `account` demands; there is no refresh token.',
    remedy: 'Sign in with `moltbot auth login NAME`.',
  },
  'credential.refresh': {
    what: 'Whether tokens can be renewed: what the record says of the last attempts, and whether the token host takes our client (asked with a token that never was, which uses nothing up).',
    why: 'Expired: nothing ran for long. Revoked: a changed password, an administrator. Used twice: an answer got lost, or another program has the same tokens. Client refused: a secret that was changed.',
    remedy: 'Sign in again; for a refused client, compare it with its registration.',
  },
  'credential.scopes': {
    what: 'The scopes that calls need (`required_scopes`) against those that auth.json asks for and those that were granted.',
    why: 'A scope is missing from auth.json, the client may not have it, or the person did not agree to it.',
    remedy: 'Add it in auth.json, have it permitted at the provider, sign in again.',
  },
  'callback.reachable': {
    what: 'Whether a browser would come back from the sign-in page: the port can be opened, a request arrives, no proxy is asked for this machine.',
    why: 'The port of a registered `redirect_uri` is taken; the browser runs on another machine; a browser asks the proxy for localhost too.',
    remedy: 'Free the port; except localhost from the proxy; or paste the address that the browser ends at.',
  },
  'oidc.issuer': {
    what: 'Whether the issuer of `server.oidc` answers under its name and has keys of a permitted kind.',
    why: 'A slash too much in the issuer’s name, a proxy, other algorithms.',
    remedy: 'Set `issuer` to exactly what it calls itself.',
  },
};
