import { describe, expect, it } from '@jest/globals';
import { Denial, type Identity } from '@moltbot/auth';
import { type AuditRecord, type ErrorCode, MoltbotError } from '@moltbot/contracts';
import { createAuditTrail } from './audit-trail.js';
import type { Caller } from './caller.js';

const identity: Identity = { keyId: 'key_1', name: 'app', scopes: ['chat'], models: undefined, limits: undefined };
const stranger: Caller = { identity: undefined, requestId: 'req_1', source: '10.0.0.7' };

function setUp(options: { readonly callersAreLocal?: boolean; readonly flush?: () => Promise<boolean> } = {}) {
  const rows: AuditRecord[] = [];
  const trail = createAuditTrail({
    log: { record: (row) => rows.push(row), flush: options.flush ?? (() => Promise.resolve(true)) },
    callersAreLocal: options.callersAreLocal ?? false,
    clock: () => 5,
  });
  const deny = (error: MoltbotError, caller = stranger, path = '/v1/models') =>
    trail.denied({ error, caller, path, method: 'GET' });
  return { rows, trail, deny };
}

describe('the audit trail', () => {
  it('notes who was refused, where from, what for and why', () => {
    const { rows, trail, deny } = setUp();
    deny(new MoltbotError('invalid_token', undefined, { cause: new Denial({ reason: 'expired' }) }));
    deny(new MoltbotError('permission_denied'), { ...stranger, identity }, '/v1/messages?key=SECRET');
    deny(new MoltbotError('invalid_api_key', undefined, { cause: new Denial({ keyId: 'key_2', reason: 'revoked' }) }));
    trail.close();
    const common = { at: 5, source: '10.0.0.7', action: 'request', outcome: 'denied', requestId: 'req_1' };
    expect(rows).toEqual([
      {
        ...common,
        actor: 'unknown',
        target: '/v1/models',
        errorCode: 'invalid_token',
        detail: { method: 'GET', reason: 'expired' },
      },
      {
        ...common,
        actor: 'key_1',
        actorName: 'app',
        target: '/v1/messages',
        errorCode: 'permission_denied',
        detail: { method: 'GET' },
      },
      {
        ...common,
        actor: 'key_2',
        target: '/v1/models',
        errorCode: 'invalid_api_key',
        detail: { method: 'GET', reason: 'revoked' },
      },
    ]);
  });

  it('notes whom a limit or a budget refused', () => {
    const { rows, trail, deny } = setUp();
    for (const code of ['key_rate_limited', 'budget_exhausted'] as const) {
      deny(new MoltbotError(code), { ...stranger, identity }, '/v1/chat/completions');
    }
    trail.close();
    expect(rows).toMatchObject([
      { actor: 'key_1', errorCode: 'key_rate_limited' },
      { actor: 'key_1', errorCode: 'budget_exhausted' },
    ]);
  });

  it('leaves alone what is no matter of permission', () => {
    const { rows, trail, deny } = setUp();
    const others: ErrorCode[] = ['invalid_request', 'rate_limited', 'storage_unavailable', 'not_found', 'overloaded'];
    for (const code of others) deny(new MoltbotError(code));
    // An upstream's own 403.
    deny(new MoltbotError('content_filtered', undefined, { http: 403 }));
    trail.close();
    expect(rows).toEqual([]);
  });

  it('takes whoever acts without a key in open access for this machine’s user, but no page that was refused', async () => {
    const { rows, trail, deny } = setUp({ callersAreLocal: true });
    await trail.act({ caller: stranger, action: 'key.create', target: 'key_9', detail: { name: 'x' } });
    deny(new MoltbotError('forbidden_origin'));
    expect(rows).toMatchObject([
      { actor: 'local', action: 'key.create', target: 'key_9', outcome: 'allowed', errorCode: undefined },
      { actor: 'unknown', errorCode: 'forbidden_origin' },
    ]);
  });

  it('waits for an act to be written, though not for ever', async () => {
    const answers = [false, true];
    const flushes: boolean[] = [];
    const { trail } = setUp({
      flush: () => {
        flushes.push(answers[flushes.length] ?? true);
        return Promise.resolve(answers[flushes.length - 1] ?? true);
      },
    });
    await trail.act({ caller: { ...stranger, identity }, action: 'key.revoke' });
    expect(flushes).toEqual([false, true]);
    const hanging = setUp({ flush: () => new Promise(() => {}) });
    await hanging.trail.act({ caller: stranger, action: 'key.revoke', errorCode: 'invalid_request' });
    expect(hanging.rows).toMatchObject([{ outcome: 'denied', errorCode: 'invalid_request' }]);
  });
});
