import { Secret } from '@moltbot/contracts';
import type { Clock } from './clock.js';
import type { SeenRow } from './credential-row.js';
import { openTokens } from './run-refresh.js';
import { ageOf, dueAge, lifeOf } from './token-life.js';
import type { StoredPair } from './token-record.js';

/** The token of the pair that was seen last, opened. Times by this machine's clocks. */
export interface HeldToken {
  readonly token: Secret;
  readonly pair: StoredPair;
  /** Unix ms. */
  readonly expiresAt: number;
  /** By the monotonic clock, as all below: the system's clock may be set back. */
  readonly expires: number;
  readonly due: number;
  readonly issued: number;
}

export interface HoldTokenOptions {
  readonly pair: StoredPair;
  /** The row as it was before: it says how old the pair can be at most. */
  readonly before: SeenRow | undefined;
  readonly sealer: SeenRow['sealer'];
  readonly credentialId: string;
  readonly clock: Clock;
  readonly marginMs: number;
  readonly random: number;
}

/** @throws MoltbotError `secret_key_unavailable` */
export function holdToken(options: HoldTokenOptions): HeldToken {
  const { pair, before, sealer, credentialId, clock, marginMs, random } = options;
  if (sealer === undefined || !('open' in sealer)) throw sealer;
  const token = new Secret(openTokens({ sealer, credentialId, sealed: pair.sealed }).accessToken);
  const now = clock.monotonic();
  const life = lifeOf(pair);
  const atMost = before === undefined ? Number.POSITIVE_INFINITY : now - before.readAt;
  const age = ageOf({ pair, now: clock.now(), atMost });
  const issued = now - age;
  return {
    token,
    pair,
    issued,
    due: issued + dueAge({ life, marginMs, random }),
    expires: issued + life,
    expiresAt: clock.now() + life - age,
  };
}
