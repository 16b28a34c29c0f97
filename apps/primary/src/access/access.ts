import type { ApiKeyVerifier, Identity } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import type { IncomingHttpHeaders } from 'node:http';

/** Who calls, decided from the headers alone, before a byte of the body is read. */
export interface Access {
  /**
   * Synchronous for a key that was seen lately. `undefined`: access is open and no key of ours was shown.
   * @throws MoltbotError `authentication_required`, `invalid_api_key`, `permission_denied`, `forbidden_origin`, `storage_unavailable`
   */
  check(headers: IncomingHttpHeaders): Identity | undefined | Promise<Identity | undefined>;
  /**
   * For what nobody needs a key for: refuses web pages of elsewhere while access is open.
   * @throws MoltbotError `forbidden_origin`
   */
  checkSource(headers: IncomingHttpHeaders): void;
  /** Whether whoever gets past `checkSource` is this machine's user. */
  readonly callersAreLocal: boolean;
}

export interface AccessOptions {
  readonly mode: 'open' | 'api_key';
  /** Needed of every key. */
  readonly scope: string;
  readonly verifier: ApiKeyVerifier;
  /** Names that the Host header may hold while access is open, besides the loopback ones. */
  readonly allowedHosts: () => readonly string[];
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

export function createAccess(options: AccessOptions): Access {
  return options.mode === 'open' ? openAccess(options) : keyAccess(options);
}

/**
 * Open access is for this machine's user only. A web page in that user's browser must not get through: its requests carry a
 * foreign Origin, or (DNS rebinding) a foreign Host.
 */
function openAccess(options: AccessOptions): Access {
  const checkSource = (headers: IncomingHttpHeaders): undefined => {
    const host = headers.host ?? '';
    if (!LOOPBACK_HOST.test(host) && !isAllowed(host, options.allowedHosts())) {
      throw new MoltbotError(
        'forbidden_origin',
        'The Host header does not name this machine. Add the name to server.allowed_hosts, or turn on server.access: api_key.',
      );
    }
    const { origin } = headers;
    if (origin !== undefined && !sameOrigin(origin, host)) {
      throw new MoltbotError('forbidden_origin');
    }
  };
  return { check: checkSource, checkSource, callersAreLocal: true };
}

function keyAccess({ verifier, scope }: AccessOptions): Access {
  const permit = (identity: Identity): Identity => {
    if (identity.scopes.includes(scope) || identity.scopes.includes('admin')) return identity;
    throw new MoltbotError('permission_denied', `This key lacks the scope \`${scope}\`.`);
  };
  return {
    check(headers) {
      const presented = presentedKey(headers);
      if (presented === undefined) throw new MoltbotError('authentication_required');
      const identity = verifier.verify(presented);
      return identity instanceof Promise ? identity.then(permit) : permit(identity);
    },
    checkSource: () => undefined,
    callersAreLocal: false,
  };
}

/** RFC 6750 bearer token, or `x-api-key` as Anthropic's clients send it. */
export function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const { authorization } = headers;
  if (authorization !== undefined) {
    if (authorization.length > 7 && authorization.slice(0, 7).toLowerCase() === 'bearer ') {
      return authorization.slice(7).trim();
    }
    return undefined;
  }
  const header = headers['x-api-key'];
  return typeof header === 'string' && header !== '' ? header : undefined;
}

/** Names of hosts have no case (RFC 9110 section 4.2.3). */
function isAllowed(host: string, allowed: readonly string[]): boolean {
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  return allowed.some((item) => item.toLowerCase() === name);
}

function sameOrigin(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}
