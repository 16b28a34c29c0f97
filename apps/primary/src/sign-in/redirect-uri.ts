import { SignInProblem } from './sign-in-problem.js';

export const CALLBACK_PATH = '/auth/callback';
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::(\d{1,5}))?$/i;

/**
 * Where the provider sends the browser back to: the registered address, else this server on the loopback address (RFC 8252
 * section 7.3) by the port under which the browser knows it (a forwarded one too).
 * @throws SignInProblem where the browser would not come back to this server, or not with its cookies
 */
export function redirectUriFor(options: {
  /** The Host header of the request. */
  readonly host: string;
  /** `providers.NAME.oauth.redirect_uri` */
  readonly configured: string | undefined;
  readonly provider: string;
  readonly credentialId: string;
}): string {
  const { host, configured, provider, credentialId } = options;
  const loopback = LOOPBACK_HOST.exec(host);
  if (configured === undefined && loopback === null) {
    // What is shown is to be copied: no foreign text that a Host header may hold.
    const shown = /^[\w.:[\]-]{1,255}$/.test(host) ? host : 'SERVER';
    const uri = `https://${shown}${CALLBACK_PATH}`;
    throw new SignInProblem('no-redirect', (texts) => texts.errors['no-redirect'](provider, uri));
  }
  const port = loopback?.[1];
  // A Host header may name a port that there is not.
  const uri = URL.parse(configured ?? `http://127.0.0.1${port === undefined ? '' : `:${port}`}${CALLBACK_PATH}`);
  if (uri === null) {
    const shown = `http://127.0.0.1${CALLBACK_PATH}`;
    throw new SignInProblem('no-redirect', (texts) => texts.errors['no-redirect'](provider, shown));
  }
  if (uri.pathname !== CALLBACK_PATH || uri.search !== '') {
    throw new SignInProblem('bad-redirect', (texts) => texts.errors['bad-redirect'](uri.href));
  }
  // Cookies belong to one host: with `localhost` for `127.0.0.1` they would stay behind.
  if (uri.host !== withoutDefaultPort(host.toLowerCase(), uri.protocol)) {
    throw new SignInProblem('other-origin', (texts) => texts.errors['other-origin'](uri.origin), {
      link: `${uri.origin}/auth/login/${encodeURIComponent(credentialId)}`,
    });
  }
  return configured ?? uri.href;
}

function withoutDefaultPort(host: string, protocol: string): string {
  return host.replace(protocol === 'https:' ? /:443$/ : /:80$/, '');
}
