import type { ConnectionFaultKind } from '../connection-fault.js';
import type { CertificateFacts } from './certificate-facts.js';

/** In the order in which a request goes through them; a route has those that it needs. */
export const PROBE_STAGES = ['dns', 'tcp', 'proxy-tls', 'proxy-connect', 'tls', 'http'] as const;
export type ProbeStageName = (typeof PROBE_STAGES)[number];

/** One step of the way, done or failed. */
export interface ProbeStage {
  readonly name: ProbeStageName;
  /** `host:port` that it was about: the proxy's as far as `proxy-tls`, then the host's. */
  readonly target: string;
  readonly ms: number;
  readonly ok: boolean;
  /** Addresses of a name, the answer to CONNECT, the TLS version, the status: printable, without secrets. */
  readonly detail: string;
}

export interface ProbeFault {
  readonly stage: ProbeStageName;
  readonly kind: ConnectionFaultKind | 'other';
  /** Of the system, of TLS or ours: `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `ETIMEDOUT`. */
  readonly code: string;
  /** The proxy's answer to CONNECT. */
  readonly status?: number | undefined;
}

/** The head of an HTTP answer and when it came, by this machine's clock. */
export interface ProbeAnswer {
  readonly status: number;
  /** Names in small letters; only those that say something about route, clock and access. */
  readonly headers: Readonly<Record<string, string>>;
  /** Unix ms; `sentAt` plus what a clock that nobody sets measured. */
  readonly sentAt: number;
  readonly receivedAt: number;
}

/** What one look at one address by one route measured. No part of it holds a login, a query or a body. */
export interface RouteProbe {
  /** Without user, query and fragment. */
  readonly url: string;
  /** The proxy that was asked, without its login; `undefined`: none. */
  readonly proxy: string | undefined;
  readonly stages: readonly ProbeStage[];
  /** Where it ended; `undefined`: an answer came over a connection that is trusted. */
  readonly fault: ProbeFault | undefined;
  readonly certificate: CertificateFacts | undefined;
  readonly answer: ProbeAnswer | undefined;
}
