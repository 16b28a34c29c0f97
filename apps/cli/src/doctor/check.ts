import type { Environment, LoadedConfig, MoltbotPaths } from '@moltbot/config';
import type { Running } from '../roles/run-lock.js';
import type { FindingCode, FindingFacts } from './finding-facts.js';
import type { Measurements } from './measure/measurements.js';
import type { SignInSource } from './sign-in-source.js';

/** Stable ids: scripts and pages name them. A check of several things says which by the subject. */
export const CHECK_IDS = [
  'node.version',
  'files.home',
  'files.auth-mode',
  'files.secret-key-mode',
  'config.valid',
  'disk.space',
  'ports.chat',
  'ports.metrics',
  'server.running',
  'server.version',
  'storage.reachable',
  'storage.version',
  'queue.reachable',
  'state.reachable',
  'credentials.store',
  'provider.reachable',
  'provider.proxy',
  'provider.tls',
  'clock.offset',
  'provider.credential',
  'credential.sign-in',
  'credential.refresh',
  'credential.scopes',
  'callback.reachable',
  'oidc.issuer',
] as const;

export type CheckId = (typeof CHECK_IDS)[number];

/** What was measured: `label` is one of a few words, `value` a fact as it was seen. Printable, without secrets. */
export interface Evidence {
  readonly label: EvidenceLabel;
  readonly value: string;
}

export const EVIDENCE_LABELS = [
  'account',
  'asked',
  'certificate',
  'client',
  'clock',
  'directly',
  'error',
  'expires',
  'file',
  'free',
  'granted',
  'issuer',
  'latency',
  'lifetime',
  'mode',
  'needed',
  'others',
  'process',
  'proxy',
  'record',
  'refresh',
  'route',
  'since',
  'tolerance',
  'url',
  'variable',
  'version',
] as const;

export type EvidenceLabel = (typeof EVIDENCE_LABELS)[number];

/** Why a check was not made. */
export type SkipReason =
  | 'config-unreadable'
  | 'not-configured'
  | 'no-server'
  | 'not-reached'
  | 'this-server'
  | 'embedded-stopped'
  | 'no-time-told'
  | 'not-on-this-system'
  | 'not-signed-in'
  | 'read-only';

/** A change that mends a finding. Made only by `--fix`, and after it was asked about. */
export interface Fix {
  /** The file that is touched: a copy is kept beside it. */
  readonly file: string;
  /** Ready for a shell: what comes to the same. */
  readonly command: string;
  apply(): Promise<void>;
}

export interface Finding<Code extends FindingCode = FindingCode> {
  readonly status: 'error' | 'warning';
  /** Which provider, credential, file, …; `undefined`: there is only one. */
  readonly subject?: string | undefined;
  readonly code: Code;
  readonly facts: FindingFacts[Code];
  readonly evidence: readonly Evidence[];
  /** The one command that mends it, where a command can. */
  readonly command?: string | undefined;
  readonly fix?: Fix | undefined;
}

/** What a check says of one subject. */
export type Observation =
  | { readonly status: 'ok'; readonly subject?: string | undefined; readonly evidence: readonly Evidence[] }
  | { readonly status: 'skipped'; readonly subject?: string | undefined; readonly reason: SkipReason }
  | Finding;

/** A finding whose facts are those of its code. */
export function finding<Code extends FindingCode>(found: Finding<Code>): Observation {
  return found;
}

/** What the checks look at. Nothing of it is changed by them. */
export interface CheckContext {
  readonly paths: MoltbotPaths;
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  /** `24.1.0` */
  readonly nodeVersion: string;
  /** Of this program. */
  readonly version: string;
  /** How to call this command: `moltbot`. */
  readonly command: string;
  readonly now: () => number;
  /** Whether a check may do more than look: ask a token host with a POST. */
  readonly readOnly: boolean;
  /** `undefined`: the files can't be read, `configError` says why. */
  readonly config: LoadedConfig | undefined;
  readonly configError: unknown;
  readonly running: Running | undefined;
  readonly measured: Measurements;
  readonly signIns: SignInSource;
}

/** A context with a configuration. */
export type ConfiguredContext = CheckContext & { readonly config: LoadedConfig };

export interface Check {
  readonly id: CheckId;
  /** Of its own; the default of the run elsewhere. */
  readonly timeoutMs?: number;
  /** Rejects for its own faults only: what is wrong with the world is an observation. */
  run(context: CheckContext, signal: AbortSignal): Promise<readonly Observation[]>;
}

/** A check that needs the configuration: skipped where there is none. */
export function configuredCheck(
  id: CheckId,
  run: (context: ConfiguredContext, signal: AbortSignal) => Promise<readonly Observation[]>,
): Check {
  return {
    id,
    async run(context, signal) {
      const { config } = context;
      if (config === undefined) return [{ status: 'skipped', reason: 'config-unreadable' }];
      const observed = await run({ ...context, config }, signal);
      return observed.length > 0 ? observed : [{ status: 'skipped', reason: 'not-configured' }];
    },
  };
}
