import type { MoltbotError } from '@moltbot/contracts';

/** What a refusal's caller is not told, and the audit log keeps. */
export interface DenialFacts {
  /** Of the revoked or expired key that was shown. */
  readonly keyId?: string | undefined;
  /** Why a token or key was refused: `expired`, `signature`, `audience`, … */
  readonly reason?: string | undefined;
  /** The model that may not be used. */
  readonly model?: string | undefined;
}

/** Carries the facts as the `cause` of a MoltbotError. */
export class Denial extends Error {
  override readonly name = 'Denial';
  readonly facts: DenialFacts;

  constructor(facts: DenialFacts, options?: ErrorOptions) {
    super(facts.reason ?? 'denied', options);
    this.facts = facts;
  }
}

export function denialFactsOf(error: MoltbotError): DenialFacts {
  return error.cause instanceof Denial ? error.cause.facts : {};
}
