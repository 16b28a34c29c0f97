import type { CredentialStatus } from '@moltbot/auth';
import type { StoredCredential } from '@moltbot/config';
import type { Answer } from './ask-about.js';
import { isRejection } from './ask-about.js';
import type { CoolDown } from './server-view.js';

/**
 * `bad`: calls with it fail, and somebody has to act. `soon`: they will. `note`: worth knowing.
 * `next`: words after `moltbot`.
 */
export type CredentialProblem = { readonly severity: 'bad' | 'soon' | 'note'; readonly next: string } & (
  | { readonly code: 'expired' | 'revoked' | 'lost_answer' | 'signed_out' | 'inactive' }
  | { readonly code: 'unresolved' | 'unusable' | 'unasked'; readonly why: string }
  | { readonly code: 'rejected'; readonly by: 'introspection' | 'models'; readonly status: number | undefined }
  | { readonly code: 'expiring'; readonly at: number | undefined }
  | { readonly code: 'failing'; readonly why: string }
  | { readonly code: 'missing_scopes'; readonly scopes: readonly string[] }
  | { readonly code: 'cooling_down'; readonly coolDown: CoolDown }
);

/** All that is known of one credential, and what follows from it. */
export interface CredentialReport {
  readonly stored: StoredCredential;
  /** By the token store; `undefined`: it does not answer. */
  readonly status: CredentialStatus | undefined;
  readonly answer: Answer | undefined;
  readonly coolDowns: readonly CoolDown[];
  readonly state: CredentialStatus['state'] | 'rejected' | 'unknown';
  readonly problems: readonly CredentialProblem[];
}

export interface CredentialFacts {
  readonly stored: StoredCredential;
  readonly status: CredentialStatus | undefined;
  readonly answer: Answer | undefined;
  readonly coolDowns: readonly CoolDown[];
  /** `providers.NAME.oauth.required_scopes` */
  readonly requiredScopes: readonly string[];
}

export function reportOf(facts: CredentialFacts): CredentialReport {
  const { stored, status, answer, coolDowns } = facts;
  const problems = [...ofState(facts), ...ofAnswer(facts), ...ofScopes(facts), ...ofCoolDowns(facts)];
  const isRejected = problems.some(({ code }) => code === 'rejected');
  return { stored, status, answer, coolDowns, state: isRejected ? 'rejected' : (status?.state ?? 'unknown'), problems };
}

/** As the exit code says it: 0, 1 or 2. */
export function worstOf(reports: readonly CredentialReport[]): 'fine' | 'bad' | 'soon' {
  const severities = new Set(reports.flatMap(({ problems }) => problems.map(({ severity }) => severity)));
  if (severities.has('bad')) return 'bad';
  return severities.has('soon') ? 'soon' : 'fine';
}

function ofState({ stored, status }: CredentialFacts): readonly CredentialProblem[] {
  const next = signInAgain(stored);
  switch (status?.state) {
    case undefined:
      return [];
    case 'ok':
      return status.lastFailure === undefined
        ? []
        : [{ severity: 'note', code: 'failing', why: whyOf(status), next: 'doctor' }];
    case 'expiring':
      if (status.lastFailure !== undefined && status.refreshable) {
        return [{ severity: 'soon', code: 'failing', why: whyOf(status), next: 'doctor' }];
      }
      return [{ severity: 'soon', code: 'expiring', at: status.expiresAt, next }];
    case 'expired':
      return [{ severity: 'bad', code: 'expired', next: status.refreshable ? 'doctor' : next }];
    case 'revoked':
      return [{ severity: 'bad', code: status.revokedWhy === 'lost-answer' ? 'lost_answer' : 'revoked', next }];
    case 'signed-out':
      return [{ severity: 'bad', code: 'signed_out', next }];
    case 'unresolved':
      return [{ severity: 'bad', code: 'unresolved', why: status.problem ?? '', next }];
  }
}

function ofAnswer({ stored, status, answer }: CredentialFacts): readonly CredentialProblem[] {
  if (answer === undefined) return [];
  if (answer.by === 'none') {
    // What the store says already is said once.
    const isNews = status === undefined || status.state === 'ok' || status.state === 'expiring';
    return isNews ? [{ severity: 'bad', code: 'unusable', why: answer.why, next: 'doctor' }] : [];
  }
  if (answer.by === 'models' && answer.check.outcome === 'unknown') {
    return [{ severity: 'note', code: 'unasked', why: answer.check.why, next: 'doctor' }];
  }
  const next = signInAgain(stored);
  if (isRejection(answer)) {
    const status = answer.check !== undefined && 'status' in answer.check ? answer.check.status : undefined;
    return [{ severity: 'bad', code: 'rejected', by: answer.by, status, next }];
  }
  // The API goes on taking the token till it ends; there will be no other.
  if (answer.by === 'introspection' && !answer.active) return [{ severity: 'soon', code: 'inactive', next }];
  return [];
}

function ofScopes({ stored, status, requiredScopes }: CredentialFacts): readonly CredentialProblem[] {
  if (stored.entry.type !== 'oauth' || (status?.state !== 'ok' && status?.state !== 'expiring')) return [];
  const granted = new Set(status.scopes);
  // A server that says nothing of scopes granted those that were asked for.
  const scopes = requiredScopes.filter((scope) => !granted.has(scope));
  return scopes.length === 0 ? [] : [{ severity: 'note', code: 'missing_scopes', scopes, next: 'doctor' }];
}

function ofCoolDowns({ stored, coolDowns }: CredentialFacts): readonly CredentialProblem[] {
  return coolDowns.map((coolDown) => ({
    severity: 'note',
    code: 'cooling_down',
    coolDown,
    next: `auth reset ${stored.id}`,
  }));
}

function signInAgain({ id, entry }: StoredCredential): string {
  return `auth login ${id}${entry.type === 'api_key' ? ' --key' : ''}`;
}

function whyOf({ lastFailure }: CredentialStatus): string {
  return lastFailure?.code ?? lastFailure?.failure ?? '';
}
