import type { KeyLimits } from '@moltbot/config';

/** Who calls us: the owner of an API key, or a person with a token of the organisation's sign-in. */
export interface Identity {
  /** `key_…` of an API key, `sub_…` of a person: what the ledger, limits and budgets go by. Safe to log. */
  readonly keyId: string;
  /** Name of the key, or of the person; safe to log. */
  readonly name: string;
  /** `chat`, `jobs`, `admin`; `admin` includes the others. */
  readonly scopes: readonly string[];
  /** Models and chains that may be named; `undefined`: all. */
  readonly models: readonly string[] | undefined;
  /** `undefined`: none. */
  readonly limits: KeyLimits | undefined;
}
