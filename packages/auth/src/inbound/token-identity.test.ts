import { describe, expect, it } from '@jest/globals';
import { type OidcSettings, settingsSchema } from '@moltbot/config';
import { claimOf, subjectKeyId, toIdentity, widest } from './token-identity.js';

const settings = (changes: object = {}): OidcSettings =>
  settingsSchema.parse({
    server: {
      oidc: {
        issuer: 'https://sso.example',
        audience: 'us',
        roles: {
          user: { scopes: ['chat'], models: ['default'], limits: { requests_per_minute: 10, budget_per_day: 5 } },
          power: { scopes: ['chat', 'jobs'], models: ['openai:*'], limits: { requests_per_minute: 100 } },
          admin: { scopes: ['admin'] },
        },
        ...changes,
      },
    },
  }).server.oidc as OidcSettings;

const identityOf = (claims: object, changes: object = {}) =>
  toIdentity({ settings: settings(changes), keyId: 'sub_1', subject: 'subject-1', claims: { ...claims } });

describe('the roles of a token', () => {
  it('together allow all that any of them allows', () => {
    expect(identityOf({ roles: ['user'] })).toMatchObject({
      scopes: ['chat'],
      models: ['default'],
      limits: { requests_per_minute: 10, budget_per_day: 5 },
    });
    expect(identityOf({ roles: ['power', 'user', 'user', 'unknown'] })).toMatchObject({
      scopes: ['chat', 'jobs'],
      models: ['openai:*', 'default'],
      limits: { requests_per_minute: 100 },
    });
    expect(identityOf({ roles: ['user', 'admin'] })).toMatchObject({
      scopes: ['chat', 'admin'],
      models: undefined,
      limits: undefined,
    });
  });

  it('never narrow one another', () => {
    const limits = widest([
      { scopes: ['chat'], limits: { parallel_requests: 1, budget_per_day: 2 } },
      { scopes: ['chat'], limits: { parallel_requests: 3 } },
    ]).limits;
    expect(limits).toEqual({ parallel_requests: 3 });
  });

  it('are found deep in the claims, under a name with dots, as one text or as a list of scopes', () => {
    const deep = { realm_access: { roles: ['user'] } };
    expect(identityOf(deep, { roles_claim: 'realm_access.roles' })).toBeDefined();
    const named = { 'https://sso.example/roles': ['user'] };
    expect(identityOf(named, { roles_claim: 'https://sso.example/roles' })).toBeDefined();
    expect(identityOf({ group: 'user' }, { roles_claim: 'group' })).toBeDefined();
    expect(identityOf({ scope: 'openid user' }, { roles_claim: 'scope' })).toBeDefined();
    // A group may have a space in its name.
    expect(identityOf({ group: 'not user' }, { roles_claim: 'group' })).toBeUndefined();
  });

  it.each([
    [{}],
    [{ roles: null }],
    [{ roles: [] }],
    [{ roles: { user: true } }],
    [{ roles: [['user']] }],
    [{ roles: ['USER', 'user ', 'toString', '__proto__'] }],
    [{ roles: 7 }],
    [{ roles: Array.from({ length: 1_000 }, () => 'x').concat('user') }],
  ])('in %j are none', (claims) => expect(identityOf(claims)).toBeUndefined());

  it('are not found on prototypes', () => {
    expect(claimOf({ a: {} }, 'a.constructor.name')).toBeUndefined();
    expect(claimOf({ a: 'text' }, 'a.length')).toBeUndefined();
    expect(claimOf({ a: { 'b.c': 1 }, 'a.b': 2 }, 'a.b')).toBe(2);
  });
});

describe('the name of a person', () => {
  it.each([
    [{ email: 'ann@example.org' }, 'ann@example.org'],
    [{ email: '  Ann\r\nFAKE LOG LINE\u001b[31m ' }, 'Ann FAKE LOG LINE [31m'],
    [{ email: '\u202egro.elpmaxe@nna' }, 'gro.elpmaxe@nna'],
    [{ email: '安' }, '安'],
    [{ email: 'x'.repeat(500) }, 'x'.repeat(100)],
    [{ email: `${'x'.repeat(99)}💻` }, `${'x'.repeat(99)}\ufffd`],
    [{ email: '\0\0' }, 'subject-1'],
    [{ email: ['ann@example.org'] }, 'subject-1'],
    [{}, 'subject-1'],
  ])('of %j is %j', (claims, name) => {
    expect(identityOf({ ...claims, roles: ['user'] })?.name).toBe(name);
  });

  it('has nothing to do with who it is: that is issuer and subject', () => {
    const id = subjectKeyId('https://sso.example', 'ann');
    expect(id).toMatch(/^sub_[0-9a-f]{24}$/);
    expect(subjectKeyId('https://sso.example', 'bob')).not.toBe(id);
    expect(subjectKeyId('https://other.example', 'ann')).not.toBe(id);
    expect(subjectKeyId('https://sso.example","ann', '')).not.toBe(subjectKeyId('https://sso.example', 'ann'));
  });
});
