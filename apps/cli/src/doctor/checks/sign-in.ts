import type { CredentialStatus } from '@moltbot/auth';
import type { OAuthEntry, StoredCredential } from '@moltbot/config';
import {
  type Check,
  type CheckId,
  configuredCheck,
  type ConfiguredContext,
  type Evidence,
  finding,
  type Observation,
} from '../check.js';
import { isoDay, span } from '../describe-probe.js';
import { askTokenHost, scopesByServer, tokenHostIsReached } from '../measure/ask-token-host.js';

const TIMEOUT_MS = 25_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** A refresh is bounded at 60 s by the settings; a claim that is older has lost its holder. */
const HANGS_AFTER_MS = 2 * MINUTE_MS;

export interface Account {
  readonly id: string;
  readonly provider: string;
  readonly entry: OAuthEntry;
  readonly status: CredentialStatus;
}

/** A question about each account that is signed in to. */
function accountCheck(
  id: CheckId,
  judge: (context: ConfiguredContext, account: Account, signal: AbortSignal) => Promise<readonly Observation[]>,
): Check {
  const check = configuredCheck(id, async (context, signal) => {
    const accounts = await accountsOf(context);
    if (accounts === undefined) return [{ status: 'skipped', reason: 'not-reached' }];
    const observed = await Promise.all(accounts.map(async (account) => judge(context, account, signal)));
    return observed.flat();
  });
  return { ...check, timeoutMs: TIMEOUT_MS };
}

/** `undefined`: the store does not answer, which is a finding of its own check. */
export async function accountsOf({ config, signIns }: ConfiguredContext): Promise<readonly Account[] | undefined> {
  const stored = config.credentials.filter(isAccount);
  if (stored.length === 0) return [];
  const statuses = await signIns.statuses().catch(() => undefined);
  return (
    statuses &&
    stored.flatMap(({ id, provider, entry }) => {
      const status = statuses.find((one) => one.id === id);
      return status === undefined ? [] : [{ id, provider, entry, status }];
    })
  );
}

function isAccount(stored: StoredCredential): stored is StoredCredential & { readonly entry: OAuthEntry } {
  return stored.entry.type === 'oauth';
}

export const signIn = accountCheck('credential.sign-in', async (context, { id, entry, status }) => {
  const subject = id;
  const { command, now } = context;
  const evidence = recordEvidence(status);
  const login = `${command} auth login ${id}`;
  const common = { subject, evidence, command: login };
  // A revoked one is told by the check of its refresh.
  if (status.state === 'revoked') return [{ status: 'skipped', subject, reason: 'not-signed-in' }];
  if (status.state === 'signed-out') {
    return [finding({ ...common, status: 'error', code: 'not-signed-in', facts: { id } })];
  }
  const { account, expiresAt, refreshable } = status;
  const wanted = entry.account;
  const known = [account?.subject, account?.email].filter((name) => name !== undefined);
  if (wanted !== undefined && known.length > 0 && !known.includes(wanted)) {
    const found = known.join(', ');
    return [finding({ ...common, status: 'error', code: 'wrong-account', facts: { id, wanted, found } })];
  }
  if (expiresAt !== undefined && !refreshable) {
    const left = expiresAt - now();
    if (left <= 0) {
      return [
        finding({ ...common, status: 'error', code: 'token-expired', facts: { id, expired: isoDay(expiresAt) } }),
      ];
    }
    if (left < DAY_MS) {
      const facts = { id, expires: isoDay(expiresAt) };
      return [finding({ ...common, status: 'warning', code: 'no-refresh-token', facts })];
    }
  }
  return [{ status: 'ok', subject, evidence }];
});

export const refresh = accountCheck('credential.refresh', async (context, account, signal) => {
  const { id, status } = account;
  const subject = id;
  if (status.state === 'revoked') return [revoked(context, status)];
  const evidence = recordEvidence(status);
  const answer = context.readOnly ? undefined : await askTokenHost({ context, account, signal });
  const asked: readonly Evidence[] = answer === undefined ? [] : [{ label: 'client', value: answer.told }];
  const all = [...evidence, ...asked];
  const failure = status.lastFailure;
  const refused = answer?.refused ?? (CLIENT_FAULTS.has(failure?.code ?? '') ? failure?.code : undefined);
  if (refused !== undefined && answer?.accepted !== true) {
    return [finding({ status: 'error', subject, code: 'client-refused', facts: { id, code: refused }, evidence: all })];
  }
  const problem = answer?.problem ?? failure?.failure;
  if (problem !== undefined && (failure !== undefined || answer?.problem !== undefined)) {
    const facts = {
      id,
      failure: [problem, failure?.code].filter((part) => part !== undefined).join(' '),
      times: failure?.count ?? 1,
    };
    // While a token lives calls go on with it.
    const lives = (status.expiresAt ?? Number.POSITIVE_INFINITY) > context.now();
    if (status.state !== 'signed-out') {
      return [finding({ status: lives ? 'warning' : 'error', subject, code: 'refresh-failing', facts, evidence: all })];
    }
  }
  const claim = status.claimPending;
  if (claim !== undefined && claim.sent && context.now() - claim.since > HANGS_AFTER_MS) {
    const facts = { id, since: isoDay(claim.since) };
    return [finding({ status: 'warning', subject, code: 'refresh-hangs', facts, evidence: all })];
  }
  if (!(await tokenHostIsReached(context, account.provider))) {
    return [{ status: 'skipped', subject, reason: 'not-reached' }];
  }
  if (status.state === 'signed-out' && answer === undefined)
    return [{ status: 'skipped', subject, reason: 'not-signed-in' }];
  return [{ status: 'ok', subject, evidence: all }];
});

/** RFC 6749, section 5.2: what the server holds against the client, whatever token it brings. */
const CLIENT_FAULTS: ReadonlySet<string> = new Set(['invalid_client', 'unauthorized_client']);

/**
 * `invalid_grant` says only that the token is no good. What tells the reasons apart is our own record: a refresh whose answer
 * was lost (used twice), a long rest before (expired), or neither (ended by the server or a person).
 */
function revoked({ command }: ConfiguredContext, status: CredentialStatus): Observation {
  const { id, issuedAt, expiresAt, lastFailure, revokedWhy } = status;
  const at = lastFailure?.at ?? issuedAt ?? 0;
  const life = expiresAt === undefined || issuedAt === undefined ? 0 : expiresAt - issuedAt;
  const idle = issuedAt === undefined ? 0 : at - issuedAt;
  const common = {
    status: 'error' as const,
    subject: id,
    evidence: [
      ...recordEvidence(status),
      { label: 'refresh' as const, value: `${span(idle)} after the token was issued` },
    ],
    command: `${command} auth login ${id}`,
  };
  if (revokedWhy === 'lost-answer')
    return finding({ ...common, code: 'refresh-reused', facts: { id, at: isoDay(at) } });
  // The server refreshes at the end of a token's life; a much longer rest is one in which nothing ran.
  if (idle > Math.max(2 * life, HOUR_MS)) {
    return finding({ ...common, code: 'refresh-expired', facts: { id, idle: span(idle) } });
  }
  return finding({ ...common, code: 'refresh-revoked', facts: { id, at: isoDay(at) } });
}

/** Asked for beside what calls need, and often left out of the answer (OpenID Connect Core, sections 5.4 and 11). */
const NOT_TOLD: ReadonlySet<string> = new Set(['openid', 'profile', 'email', 'offline_access']);

export const scopes = accountCheck('credential.scopes', async (context, account, signal) => {
  const { id, provider, entry, status } = account;
  const subject = id;
  const required = context.config.settings.providers[provider]?.oauth?.required_scopes ?? [];
  const asked = entry.scopes;
  const told = context.readOnly ? undefined : await scopesByServer({ context, account, signal });
  const granted = told ?? status.scopes;
  const evidence: readonly Evidence[] = [
    { label: 'needed', value: required.join(' ') || '-' },
    { label: 'asked', value: asked.join(' ') || '-' },
    { label: 'granted', value: `${granted.join(' ') || '-'}${told === undefined ? '' : ' (RFC 7662)'}` },
  ];
  const notAsked = required.filter((scope) => !asked.includes(scope) && !granted.includes(scope));
  if (notAsked.length > 0) {
    const facts = { id, missing: notAsked.join(' ') };
    return [finding({ status: 'error', subject, code: 'scopes-not-asked', facts, evidence })];
  }
  if (status.state === 'signed-out' || status.state === 'revoked') {
    return [{ status: 'skipped', subject, reason: 'not-signed-in' }];
  }
  // A client that signs in by itself has no record before its first call.
  if (status.issuedAt === undefined) return [{ status: 'skipped', subject, reason: 'not-signed-in' }];
  const needed = required.length > 0 ? required : asked.filter((scope) => !NOT_TOLD.has(scope));
  const missing = needed.filter((scope) => !granted.includes(scope));
  if (missing.length > 0) {
    return [
      finding({
        status: 'error',
        subject,
        code: 'scopes-not-granted',
        facts: { id, missing: missing.join(' ') },
        evidence,
        command: `${context.command} auth login ${id}`,
      }),
    ];
  }
  return [{ status: 'ok', subject, evidence }];
});

/** What the store has of it: state and times, no token. */
export function recordEvidence(status: CredentialStatus): readonly Evidence[] {
  const { state, issuedAt, expiresAt, account, lastFailure, claimPending, refreshable } = status;
  const who = [account?.subject, account?.email].filter((name) => name !== undefined).join(', ');
  return [
    { label: 'record', value: `${state}, ${refreshable ? 'refreshable' : 'not refreshable'}` },
    ...(issuedAt === undefined ? [] : [{ label: 'since' as const, value: isoDay(issuedAt) }]),
    ...(expiresAt === undefined ? [] : [{ label: 'expires' as const, value: isoDay(expiresAt) }]),
    ...(who === '' ? [] : [{ label: 'account' as const, value: who }]),
    ...(lastFailure === undefined
      ? []
      : [
          {
            label: 'refresh' as const,
            value: [
              lastFailure.failure,
              lastFailure.code,
              lastFailure.status === undefined ? undefined : `HTTP ${lastFailure.status}`,
              `${lastFailure.count} ×`,
              isoDay(lastFailure.at),
            ]
              .filter((part) => part !== undefined)
              .join(', '),
          },
        ]),
    ...(claimPending === undefined
      ? []
      : [
          {
            label: 'refresh' as const,
            value: `begun ${isoDay(claimPending.since)}, ${claimPending.sent ? 'sent' : 'not sent'}`,
          },
        ]),
  ];
}
