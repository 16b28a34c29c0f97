import type { CallerVerifier, Identity } from '@moltbot/auth';
import { hasScope, MoltbotError, type Scope } from '@moltbot/contracts';
import type { IncomingHttpHeaders } from 'node:http';

/** Who calls, decided from the headers alone, before a byte of the body is read. */
export interface Access {
  /**
   * Synchronous for a key or token that was seen lately. `undefined`: access is open, and nothing that was shown is looked at.
   * @throws MoltbotError (thrown or rejected) `authentication_required`, `invalid_api_key`, `invalid_token`, `permission_denied`,
   * `forbidden_origin`, `storage_unavailable`, `issuer_unavailable`
   */
  check(headers: IncomingHttpHeaders): Identity | undefined | Promise<Identity | undefined>;
  /**
   * Whether whom `check` found may do this; where access is open, this machine's user may do everything.
   * @throws MoltbotError `permission_denied`
   */
  permit(identity: Identity | undefined, scope: Scope): void;
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
  readonly verifier: CallerVerifier;
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
  return { check: checkSource, permit: () => undefined, checkSource, callersAreLocal: true };
}

function keyAccess({ verifier }: AccessOptions): Access {
  return {
    check(headers) {
      const presented = presentedKey(headers);
      if (presented === undefined) throw new MoltbotError('authentication_required');
      return verifier.verify(presented);
    },
    permit(identity, scope) {
      if (identity !== undefined && hasScope(identity.scopes, scope)) return;
      throw new MoltbotError('permission_denied', `This key lacks the scope \`${scope}\`.`);
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
