import { describe, expect, it } from '@jest/globals';
import type { CredentialStatus } from '@moltbot/auth';
import type { StoredCredential } from '@moltbot/config';
import { Secret } from '@moltbot/contracts';
import type { Answer } from './ask-about.js';
import { type CredentialFacts, reportOf, worstOf } from './credential-report.js';

const stored: StoredCredential = {
  id: 'anthropic:team',
  provider: 'anthropic',
  entry: { type: 'oauth', client_id: 'app', scopes: ['model:read'] },
};
const key: StoredCredential = { id: 'openai', provider: 'openai', entry: { type: 'api_key', key: new Secret('x') } };

function status(changes: Partial<CredentialStatus> = {}): CredentialStatus {
  return {
    id: stored.id,
    provider: 'anthropic',
    type: 'oauth',
    state: 'ok',
    issuedAt: 0,
    expiresAt: 3_600_000,
    scopes: ['model:read'],
    account: undefined,
    refreshable: true,
    lastFailure: undefined,
    claimPending: undefined,
    revokedWhy: undefined,
    problem: undefined,
    ...changes,
  };
}

const failing = { at: 0, count: 2, failure: 'unreachable' } as const;
const models = (outcome: 'accepted' | 'forbidden'): Answer => ({
  by: 'models',
  check: outcome === 'accepted' ? { outcome, models: 1, durationMs: 1 } : { outcome, status: 403, durationMs: 1 },
});
const rejected: Answer = { by: 'models', check: { outcome: 'rejected', status: 401, durationMs: 1 } };
const unknown: Answer = { by: 'models', check: { outcome: 'unknown', why: 'unreachable', durationMs: 1 } };
const inactive = (check: Answer & { by: 'models' }): Answer => ({
  by: 'introspection',
  active: false,
  check: check.check,
  durationMs: 1,
});

function report(facts: Partial<CredentialFacts>) {
  const made = reportOf({
    stored,
    status: status(),
    answer: undefined,
    coolDowns: [],
    requiredScopes: [],
    ...facts,
  });
  return { worst: worstOf([made]), state: made.state, codes: made.problems.map(({ code }) => code), made };
}

describe('what follows from the facts of a credential', () => {
  it('is said where nobody could be asked, and where there is no token to ask about', () => {
    expect(report({ answer: unknown })).toMatchObject({ worst: 'fine', codes: ['unasked'] });
    const none = { by: 'none', code: 'secret_key_unavailable', why: 'Another key.' } as const;
    expect(report({ answer: none })).toMatchObject({ worst: 'bad', codes: ['unusable'] });
  });

  it('is nothing where all is well', () => {
    for (const answer of [undefined, models('accepted'), models('forbidden')]) {
      expect(report({ answer })).toMatchObject({ worst: 'fine', state: 'ok', codes: [] });
    }
    expect(report({ status: status({ expiresAt: undefined, refreshable: false }) }).worst).toBe('fine');
  });

  it('is bad where calls fail and somebody has to act', () => {
    const cases: [Partial<CredentialStatus>, string][] = [
      [{ state: 'expired' }, 'expired'],
      [{ state: 'revoked', revokedWhy: 'refused' }, 'revoked'],
      [{ state: 'revoked', revokedWhy: 'lost-answer' }, 'lost_answer'],
      [{ state: 'signed-out' }, 'signed_out'],
      [{ state: 'unresolved', problem: 'OPENAI_KEY is not set' }, 'unresolved'],
    ];
    for (const [changes, code] of cases) {
      expect(report({ status: status(changes) })).toMatchObject({ worst: 'bad', codes: [code] });
    }
    expect(report({ answer: rejected })).toMatchObject({ worst: 'bad', state: 'rejected', codes: ['rejected'] });
    expect(report({ answer: inactive(rejected as never) })).toMatchObject({ worst: 'bad', codes: ['rejected'] });
    expect(report({ answer: inactive(unknown as never) })).toMatchObject({ worst: 'bad', codes: ['rejected'] });
  });

  it('is soon where it goes on for a while only', () => {
    expect(report({ status: status({ state: 'expiring', refreshable: false }) })).toMatchObject({
      worst: 'soon',
      codes: ['expiring'],
    });
    expect(report({ status: status({ state: 'expiring', lastFailure: failing }) })).toMatchObject({
      worst: 'soon',
      codes: ['failing'],
    });
    expect(report({ answer: inactive(models('accepted') as never) })).toMatchObject({
      worst: 'soon',
      codes: ['inactive'],
    });
  });

  it('is only noted where it may mend itself', () => {
    expect(report({ status: status({ lastFailure: failing }) })).toMatchObject({ worst: 'fine', codes: ['failing'] });
    const coolDowns = [{ model: undefined, reason: 'quota-exhausted', until: 1 }];
    expect(report({ coolDowns })).toMatchObject({ worst: 'fine', codes: ['cooling_down'] });
    expect(report({ requiredScopes: ['model:read', 'model:execute'] })).toMatchObject({
      worst: 'fine',
      codes: ['missing_scopes'],
    });
  });

  it('names one command for each problem, by the kind of the credential', () => {
    expect(report({ status: status({ state: 'revoked' }) }).made.problems[0]?.next).toBe('auth login anthropic:team');
    const asked = reportOf({ stored: key, status: undefined, answer: rejected, coolDowns: [], requiredScopes: [] });
    expect(asked.problems[0]?.next).toBe('auth login openai --key');
    expect(report({ status: status({ state: 'expired' }) }).made.problems[0]?.next).toBe('doctor');
    expect(worstOf([report({ answer: rejected }).made, report({}).made])).toBe('bad');
    expect(worstOf([])).toBe('fine');
  });
});
