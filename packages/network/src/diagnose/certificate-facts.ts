import { X509Certificate } from 'node:crypto';
import { type DetailedPeerCertificate, getCACertificates, rootCertificates, type TLSSocket } from 'node:tls';
import { parseCertificates } from '../trust.js';

/**
 * Who vouches for a certificate: an authority that ships with Node, one of this provider's own file, one of
 * `NODE_EXTRA_CA_CERTS`, one of the system's store, or nobody we trust.
 */
export type TrustSource = 'public' | 'ca_file' | 'environment' | 'system' | 'none';

export interface CertificateFacts {
  readonly subject: string;
  /** Who signed it. */
  readonly issuer: string;
  /** The issuer's whole name: tells equal issuers, also where its certificate was not sent. */
  readonly issuerId: string;
  /** Names from the leaf up. */
  readonly chain: readonly string[];
  /** Names it is good for, at most five. */
  readonly names: readonly string[];
  /** Unix ms. */
  readonly validFrom: number;
  readonly validTo: number;
  readonly trust: TrustSource;
}

const MAX_CHAIN = 10;
const MAX_NAMES = 5;
const MAX_TEXT = 200;

/** @param options.extraCa PEM, besides the usual ones */
export function certificateFacts(options: {
  readonly socket: TLSSocket;
  readonly extraCa?: string | undefined;
}): CertificateFacts | undefined {
  const { socket, extraCa } = options;
  const leaf = socket.getPeerCertificate(true);
  if (!('raw' in leaf)) return undefined;
  const chain = chainOf(leaf);
  const top = chain.at(-1) ?? leaf;
  const verified = !TRUST_ERRORS.has(String(socket.authorizationError ?? ''));
  return {
    subject: nameOf(leaf.subject),
    issuer: nameOf(leaf.issuer),
    issuerId: JSON.stringify(leaf.issuer),
    chain: chain.map(({ subject }) => nameOf(subject)),
    names: (leaf.subjectaltname ?? '').split(', ').slice(0, MAX_NAMES).map(printable),
    validFrom: Date.parse(leaf.valid_from),
    validTo: Date.parse(leaf.valid_to),
    trust: verified ? sourceOf(top.fingerprint256, extraCa) : 'none',
  };
}

/** Faults that say nobody vouches for it; a wrong name or date is another matter. */
const TRUST_ERRORS: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
]);

function chainOf(leaf: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain = [leaf];
  let current = leaf;
  // The root is its own issuer; a chain that is not whole ends without one.
  while (chain.length < MAX_CHAIN) {
    const next = current.issuerCertificate as DetailedPeerCertificate | undefined;
    if (next === undefined || next.fingerprint256 === current.fingerprint256) break;
    chain.push(next);
    current = next;
  }
  return chain;
}

function sourceOf(fingerprint: string, extraCa: string | undefined): TrustSource {
  if (extraCa !== undefined && fingerprintsOf(parseCertificates(extraCa)).has(fingerprint)) return 'ca_file';
  if (publicRoots().has(fingerprint)) return 'public';
  return fingerprintsOf(getCACertificates('extra')).has(fingerprint) ? 'environment' : 'system';
}

let known: ReadonlySet<string> | undefined;

/** Parsed once: some 150 certificates. */
function publicRoots(): ReadonlySet<string> {
  known ??= fingerprintsOf(rootCertificates);
  return known;
}

function fingerprintsOf(certificates: readonly string[]): ReadonlySet<string> {
  return new Set(certificates.map((pem) => new X509Certificate(pem).fingerprint256));
}

type Name = DetailedPeerCertificate['subject'];

/** Common name and organisation, where there are. */
function nameOf(name: Name): string {
  const { CN, O } = name as Readonly<Record<string, string | string[] | undefined>>;
  const parts = [CN, O].flatMap((part) => part ?? []);
  return printable(parts.length === 0 ? '(no name)' : parts.join(', '));
}

/** Certificates come from strangers. */
function printable(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?').slice(0, MAX_TEXT);
}
