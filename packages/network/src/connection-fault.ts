import { types } from 'node:util';
import { ProxyError } from './proxy-error.js';

export const CONNECTION_FAULTS = [
  /** Its name is not known. */
  'name-unknown',
  /** Nobody listens there, or a firewall says no. */
  'connection-refused',
  /** No way there. */
  'no-route',
  'timeout',
  /** Opened, and broken off before an answer. */
  'connection-reset',
  /** No TLS at all, or no version and cipher in common. */
  'tls-handshake',
  /** The certificate is signed by itself. */
  'certificate-self-signed',
  /** Signed by an authority that is not trusted: a company's own, or a proxy that looks inside. */
  'certificate-unknown-authority',
  /** By this machine's clock. */
  'certificate-expired',
  /** By this machine's clock. */
  'certificate-not-yet-valid',
  'certificate-wrong-host',
  'certificate-revoked',
  'certificate-invalid',
  /** Our own: the authorities that were to be trusted can't be read. Nothing was sent. */
  'trust-unreadable',
  /** 407. */
  'proxy-login-required',
  /** The proxy answered the request for a tunnel with another status. */
  'proxy-refused',
] as const;

export type ConnectionFaultKind = (typeof CONNECTION_FAULTS)[number];

/** Why no connection came about, as facts. Holds no secret. */
export interface ConnectionFault {
  /** Whose connection it was: the proxy's own, or the host's (directly or through the proxy). */
  readonly at: 'host' | 'proxy';
  readonly kind: ConnectionFaultKind;
  /** Of the socket, of TLS or of the proxy error: `ECONNREFUSED`, `CERT_HAS_EXPIRED`. */
  readonly code: string;
  /** Without its login; only where the fault is the proxy's. */
  readonly proxy?: string | undefined;
  /** The proxy's answer. */
  readonly status?: number | undefined;
}

/** Codes of the system, of undici, and of OpenSSL's `X509_V_ERR_*` as Node names them. */
const KINDS: Readonly<Record<string, ConnectionFaultKind>> = {
  ENOTFOUND: 'name-unknown',
  EAI_AGAIN: 'name-unknown',
  EAI_FAIL: 'name-unknown',
  EAI_NODATA: 'name-unknown',
  EAI_NONAME: 'name-unknown',
  ENODATA: 'name-unknown',
  ECONNREFUSED: 'connection-refused',
  EACCES: 'connection-refused',
  EPERM: 'connection-refused',
  EHOSTUNREACH: 'no-route',
  EHOSTDOWN: 'no-route',
  ENETUNREACH: 'no-route',
  ENETDOWN: 'no-route',
  EADDRNOTAVAIL: 'no-route',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  ECONNRESET: 'connection-reset',
  ECONNABORTED: 'connection-reset',
  EPIPE: 'connection-reset',
  UND_ERR_SOCKET: 'connection-reset',
  EPROTO: 'tls-handshake',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate-self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate-unknown-authority',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate-unknown-authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate-unknown-authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate-unknown-authority',
  CERT_UNTRUSTED: 'certificate-unknown-authority',
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-wrong-host',
  ERR_TLS_CERT_ALTNAME_FORMAT: 'certificate-wrong-host',
  HOSTNAME_MISMATCH: 'certificate-wrong-host',
  CERT_REVOKED: 'certificate-revoked',
  CERT_CHAIN_TOO_LONG: 'certificate-invalid',
  CERT_REJECTED: 'certificate-invalid',
  CERT_SIGNATURE_FAILURE: 'certificate-invalid',
  INVALID_CA: 'certificate-invalid',
  INVALID_PURPOSE: 'certificate-invalid',
  PATH_LENGTH_EXCEEDED: 'certificate-invalid',
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: 'certificate-invalid',
  ERR_CERTIFICATES_UNREADABLE: 'trust-unreadable',
  ERR_PROXY_LOGIN_REQUIRED: 'proxy-login-required',
  ERR_PROXY_REFUSED: 'proxy-refused',
  ERR_PROXY_TIMEOUT: 'timeout',
};

/** Wrappers of wrappers; a circle of causes ends here too. */
const MAX_DEPTH = 8;

/** What an error of a connection (or one that has it as its `cause`) means; `undefined`: it is none. */
export function connectionFaultOf(error: unknown): ConnectionFault | undefined {
  return search(error, 'host', 0);
}

function search(error: unknown, at: ConnectionFault['at'], depth: number): ConnectionFault | undefined {
  if (!types.isNativeError(error) || depth > MAX_DEPTH) return undefined;
  if (error instanceof ProxyError) return faultOfProxy(error, depth);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const kind = code === undefined ? undefined : (KINDS[code] ?? kindOfTls(code));
  if (code !== undefined && kind !== undefined) return { at, kind, code };
  // All addresses of a name were tried: the first that failed speaks for the others.
  const inner: unknown = 'errors' in error && Array.isArray(error.errors) ? error.errors[0] : undefined;
  return search(inner ?? error.cause, at, depth + 1);
}

function faultOfProxy(error: ProxyError, depth: number): ConnectionFault {
  const { proxy, status, code } = error;
  const kind = KINDS[code];
  const facts = kind === undefined ? search(error.cause, 'proxy', depth + 1) : undefined;
  return {
    at: 'proxy',
    kind: kind ?? facts?.kind ?? 'connection-refused',
    code: facts?.code ?? code,
    proxy,
    ...(status === undefined ? {} : { status }),
  };
}

/** `ERR_SSL_WRONG_VERSION_NUMBER` and its many sisters. */
function kindOfTls(code: string): ConnectionFaultKind | undefined {
  return code.startsWith('ERR_SSL_') ? 'tls-handshake' : undefined;
}
