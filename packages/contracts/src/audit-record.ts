import type { Json } from './messages.js';

/** What the audit log keeps: every denied request and every administrative act. No secret is ever in it. */
export interface AuditRecord {
  /** Unix ms. */
  readonly at: number;
  /** Who: `key_…`, `sub_…`, `local` (this machine’s user), `unknown` (no key, or none of ours). */
  readonly actor: string;
  readonly actorName?: string | undefined;
  /** The address it came from; none for the command line. */
  readonly source?: string | undefined;
  /** What was done, as `key.create`, or the kind of what was asked for: `request`. */
  readonly action: string;
  /** What it was done to: a key’s id, a credential’s name, a path. */
  readonly target?: string | undefined;
  readonly outcome: 'allowed' | 'denied';
  /** An ErrorCode, where it was denied. */
  readonly errorCode?: string | undefined;
  readonly requestId?: string | undefined;
  /** How many alike this stands for; 1 unless a flood was summed up. */
  readonly count?: number | undefined;
  readonly detail?: Readonly<Record<string, Json | undefined>> | undefined;
}
