import type { CredentialStatus } from '@moltbot/auth';
import type { StoredCredential } from '@moltbot/config';
import type { CredentialHealthEntry } from '@moltbot/providers';

/** A credential as the admin API tells it: what the token store says, joined with what this process holds against it. No secrets. */
export function toCredentialObject(options: {
  readonly stored: Pick<StoredCredential, 'id' | 'provider'> & {
    readonly entry: Pick<StoredCredential['entry'], 'type'>;
  };
  /** `undefined`: the token store does not answer. */
  readonly status: CredentialStatus | undefined;
  readonly health: readonly CredentialHealthEntry[];
}) {
  const { stored, status, health } = options;
  const { lastFailure, claimPending, account } = status ?? {};
  return {
    id: stored.id,
    object: 'credential',
    provider: stored.provider,
    type: stored.entry.type,
    state: status?.state ?? 'unknown',
    account: account === undefined ? null : { subject: account.subject ?? null, email: account.email ?? null },
    scopes: status?.scopes ?? [],
    issued_at: iso(status?.issuedAt),
    expires_at: iso(status?.expiresAt),
    refreshable: status?.refreshable ?? false,
    last_failure:
      lastFailure === undefined
        ? null
        : {
            at: iso(lastFailure.at),
            count: lastFailure.count,
            failure: lastFailure.failure,
            code: lastFailure.code ?? null,
            status: lastFailure.status ?? null,
          },
    refreshing_since: iso(claimPending?.since),
    revoked_why: status?.revokedWhy ?? null,
    problem: status?.problem ?? null,
    cooldowns: health
      .filter(({ credential }) => credential === stored.id)
      .map(({ model, state, reason, untilMs }) => ({ model: model ?? null, state, reason, until: iso(untilMs) })),
  };
}

function iso(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}
