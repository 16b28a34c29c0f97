import type { CredentialsEvent } from './open-credentials.js';

/** What an event is worth in a log, without secrets. */
export interface EventLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** An event as one log line. A `credential` is its name in auth.json. */
export function credentialsEventLine(event: CredentialsEvent): EventLine {
  switch (event.type) {
    case 'credential-refreshed': {
      const { id, expiresAt, durationMs, forced } = event;
      const expires = expiresAt === undefined ? undefined : new Date(expiresAt).toISOString();
      const fields = { credential: id, expires, durationMs: Math.round(durationMs), forced };
      return { level: 'info', message: 'credential refreshed', fields };
    }
    case 'credential-refresh-failed': {
      const { id, failure, code, status, retryAfterMs } = event;
      const fields = { credential: id, failure, code, status, retryAfterMs: Math.round(retryAfterMs) };
      return { level: 'warn', message: 'credential not refreshed', fields };
    }
    case 'credential-revoked': {
      const message = 'credential out: sign in again with `moltbot auth login`';
      return { level: 'error', message, fields: { credential: event.id, why: event.why } };
    }
    case 'credential-taken-over': {
      const { id, sent, claimedAt } = event;
      const fields = { credential: id, sent, claimed: new Date(claimedAt).toISOString() };
      return { level: 'warn', message: 'refresh of another process taken over', fields };
    }
    case 'credential-unresolved':
      return {
        level: 'warn',
        message: 'credential not usable',
        fields: { credential: event.id, error: textOf(event.error) },
      };
    case 'token-store-failed':
      return { level: 'error', message: 'token store does not answer', fields: { error: textOf(event.error) } };
    case 'token-store-recovered':
      return { level: 'info', message: 'token store answers again', fields: {} };
    case 'token-store-not-durable':
      return {
        level: 'warn',
        message: 'the Redis of credentials.store keeps nothing on disk: a restart of it signs every account out',
        fields: {},
      };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const REFRESH_RESULTS: { readonly [Type in CredentialsEvent['type']]?: 'ok' | 'failed' | 'revoked' } = {
  'credential-refreshed': 'ok',
  'credential-refresh-failed': 'failed',
  'credential-revoked': 'revoked',
};

/** How a refresh that this process began ended, where the event is of one. */
export function refreshResultOf(
  event: CredentialsEvent,
): { readonly credential: string; readonly result: string } | undefined {
  const result = REFRESH_RESULTS[event.type];
  return result !== undefined && 'id' in event ? { credential: event.id, result } : undefined;
}
