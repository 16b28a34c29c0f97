import { createHmac, createPublicKey, sign as signBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type OidcSettings, settingsSchema } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { AUDIENCE, createIssuerKey, type Issuer, type IssuerKey, startIssuer } from './__fixtures__/issuer.js';
import { denialFactsOf } from './denial.js';
import type { Identity } from './identity.js';
import { createJwtVerifier, type JwtVerifier, type JwtVerifierEvent } from './jwt-verifier.js';

let issuer: Issuer;
let foreign: Issuer;
let key: IssuerKey;
let other: IssuerKey;

beforeAll(async () => {
  [key, other] = await Promise.all([createIssuerKey('one'), createIssuerKey('two', 'ES256')]);
  issuer = await startIssuer([key]);
  foreign = await startIssuer([await createIssuerKey('one')]);
});
afterEach(() => {
  issuer.keys = [key];
  issuer.behaviour = undefined;
  issuer.requests.length = 0;
});
afterAll(() => Promise.all([issuer.close(), foreign.close()]));

function settings(changes: object = {}): OidcSettings {
  const oidc = {
    issuer: issuer.url,
    audience: AUDIENCE,
    roles: { engineer: { scopes: ['chat'], models: ['default'] }, boss: { scopes: ['admin'] } },
    ...changes,
  };
  return settingsSchema.parse({ server: { oidc } }).server.oidc as OidcSettings;
}

function setUp(changes: object = {}) {
  const state = { now: Date.now(), elapsed: 1_000_000 };
  const events: JwtVerifierEvent[] = [];
  const verifier = createJwtVerifier({
    settings: settings(changes),
    fetch,
    clock: () => state.now,
    elapsed: () => state.elapsed,
    onEvent: (event) => events.push(event),
  });
  return { state, events, verifier };
}

async function refusalOf(verify: () => Identity | Promise<Identity>): Promise<MoltbotError> {
  try {
    await verify();
  } catch (error) {
    if (error instanceof MoltbotError) return error;
    throw error;
  }
  throw new Error('it was let in');
}

const reasonOf = async (verifier: JwtVerifier, token: string) =>
  denialFactsOf(await refusalOf(() => verifier.verify(token))).reason;

/** A token by hand: what no library would write. */
function handMade(header: string | object, payload: string | object, signature: (input: string) => string): string {
  const part = (value: string | object) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${signature(input)}`;
}

const rs256 = (input: string) => signBytes('sha256', Buffer.from(input), key.privatePem).toString('base64url');
const seconds = () => Math.floor(Date.now() / 1_000);
const goodClaims = () => ({
  iss: issuer.url,
  aud: AUDIENCE,
  sub: 'person-1',
  exp: seconds() + 300,
  roles: ['engineer'],
});

describe('a token of the organisation’s sign-in', () => {
  it('stands for a person with what the roles allow, by keys found by discovery', async () => {
    const { verifier } = setUp();
    const token = await issuer.sign();
    expect(await verifier.verify(token)).toEqual({
      keyId: expect.stringMatching(/^sub_[0-9a-f]{24}$/),
      name: 'ann@example.org',
      scopes: ['chat'],
      models: ['default'],
      limits: undefined,
    });
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  it('is answered synchronously until it expires, then never again', async () => {
    const { verifier, state } = setUp({ clock_tolerance: '10s' });
    const token = await issuer.sign();
    const identity = await verifier.verify(token);
    expect(verifier.verify(token)).toBe(identity);
    state.now += 300_000;
    expect(verifier.verify(token)).toBe(identity);
    state.now += 11_000;
    expect(await reasonOf(verifier, token)).toBe('expired');
    expect(await reasonOf(verifier, token)).toBe('expired');
  });

  it.each(['RS256', 'ES256', 'EdDSA', 'PS256'])('may be signed with %s where that is allowed', async (algorithm) => {
    issuer.keys = [await createIssuerKey('k', algorithm)];
    const allowed = setUp({ algorithms: [algorithm] });
    expect(await allowed.verifier.verify(await issuer.sign())).toMatchObject({ name: 'ann@example.org' });
    const narrow = setUp({ algorithms: ['RS384'] });
    expect(await reasonOf(narrow.verifier, await issuer.sign())).toBe('algorithm');
  });

  it('may carry either type, or none', async () => {
    const { verifier } = setUp();
    for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt', undefined]) {
      expect(await verifier.verify(await issuer.sign({ header: { typ } }))).toMatchObject({ scopes: ['chat'] });
    }
    for (const typ of ['logout+jwt', 'dpop+jwt', 'secevent+jwt', '', 'at+jwt ']) {
      expect(await reasonOf(verifier, await issuer.sign({ header: { typ } }))).toBe('type');
    }
  });

  it('is taken within the tolerance of the clocks, and not beyond', async () => {
    const { verifier } = setUp({ clock_tolerance: '30s' });
    const sign = (claims: object) => issuer.sign({ claims: { ...claims } });
    for (const claims of [{ exp: seconds() - 20 }, { nbf: seconds() + 20 }]) {
      expect(await verifier.verify(await sign(claims))).toMatchObject({ scopes: ['chat'] });
    }
    expect(await reasonOf(verifier, await sign({ exp: seconds() - 60 }))).toBe('expired');
    expect(await reasonOf(verifier, await sign({ nbf: seconds() + 60 }))).toBe('claim nbf');
  });

  it('without a key id is tried with each key that could be its', async () => {
    const [a, b] = await Promise.all([createIssuerKey('a'), createIssuerKey('b')]);
    issuer.keys = [a, key, b];
    const { verifier } = setUp();
    const unsaid = { kid: undefined };
    expect(await verifier.verify(await issuer.sign({ key: b, header: unsaid }))).toMatchObject({ scopes: ['chat'] });
    const stranger = await createIssuerKey('stranger');
    expect(await reasonOf(verifier, await issuer.sign({ key: stranger, header: unsaid }))).toBe('signature');
  });

  it('of somebody without a role here is refused with 403, and the log knows whose it was', async () => {
    const { verifier } = setUp();
    const token = await issuer.sign({ claims: { roles: ['guest', '__proto__', 'constructor', 7, null] } });
    for (const _time of ['verified', 'remembered']) {
      const error = await refusalOf(() => verifier.verify(token));
      expect(error).toMatchObject({ code: 'permission_denied', http: 403 });
      expect(denialFactsOf(error).keyId).toMatch(/^sub_/);
    }
  });
});

describe('any other token', () => {
  const publicPem = () => createPublicKey(key.privatePem).export({ type: 'spki', format: 'pem' });
  const hs256 = (secret: string | Buffer) => (input: string) =>
    createHmac('sha256', secret).update(input).digest('base64url');

  const cases: [string, () => string | Promise<string>][] = [
    ['expired', () => issuer.sign({ claims: { exp: seconds() - 3_600 } })],
    ['for another audience', () => issuer.sign({ claims: { aud: 'https://other.example' } })],
    ['for an audience that ours is the beginning of', () => issuer.sign({ claims: { aud: `${AUDIENCE}.evil` } })],
    ['without an audience', () => issuer.sign({ claims: { aud: undefined } })],
    ['of another issuer', () => foreign.sign()],
    ['of another issuer that says it is ours', () => foreign.sign({ claims: { iss: issuer.url } })],
    ['of ours that says it is another issuer', () => issuer.sign({ claims: { iss: foreign.url } })],
    ['without an issuer', () => issuer.sign({ claims: { iss: undefined } })],
    ['without an expiry', () => issuer.sign({ claims: { exp: undefined } })],
    ['with its expiry as text', () => issuer.sign({ claims: { exp: String(seconds() + 300) } })],
    ['with its expiry as a list', () => issuer.sign({ claims: { exp: [seconds() + 300] } })],
    ['with its expiry beyond any number', () => handMade({ alg: 'RS256', kid: 'one' }, expiry('1e999'), rs256)],
    ['not good before the future', () => issuer.sign({ claims: { nbf: seconds() + 3_600 } })],
    ['with its start as text', () => issuer.sign({ claims: { nbf: 'now' } })],
    ['without a subject', () => issuer.sign({ claims: { sub: undefined } })],
    ['with an empty subject', () => issuer.sign({ claims: { sub: '' } })],
    ['with a list for a subject', () => issuer.sign({ claims: { sub: ['person-1'] } })],
    ['with a subject of a book', () => issuer.sign({ claims: { sub: 'x'.repeat(2_000) } })],
    ['with alg none and no signature', () => handMade({ alg: 'none' }, goodClaims(), () => '')],
    ['with alg None', () => handMade({ alg: 'None', kid: 'one' }, goodClaims(), () => '')],
    ['with alg nOnE and a signature', () => handMade({ alg: 'nOnE', kid: 'one' }, goodClaims(), rs256)],
    ['without an alg', () => handMade({ kid: 'one' }, goodClaims(), rs256)],
    [
      'made with our public key as a shared secret (PEM)',
      () => handMade({ alg: 'HS256', kid: 'one' }, goodClaims(), hs256(publicPem())),
    ],
    [
      'made with our public key as a shared secret (JWK)',
      () => handMade({ alg: 'HS256', kid: 'one' }, goodClaims(), hs256(JSON.stringify(key.publicJwk))),
    ],
    ['made with an empty secret', () => handMade({ alg: 'HS256', kid: 'one' }, goodClaims(), hs256(''))],
    [
      'whose header brings its own key (jwk)',
      async () => foreign.sign({ claims: { iss: issuer.url }, header: { jwk: foreign.keys[0]?.publicJwk } }),
    ],
    [
      'whose header says where its key is (jku, x5u)',
      () =>
        foreign.sign({
          claims: { iss: issuer.url },
          header: { jku: `${foreign.url}/jwks`, x5u: `${foreign.url}/jwks` },
        }),
    ],
    [
      'with an extension that must be understood (crit)',
      () => handMade({ alg: 'RS256', kid: 'one', crit: ['exp'], exp: 1 }, goodClaims(), rs256),
    ],
    [
      'whose payload is not encoded (b64)',
      () => handMade({ alg: 'RS256', kid: 'one', crit: ['b64'], b64: false }, goodClaims(), rs256),
    ],
    [
      'whose key id is a path',
      () => foreign.sign({ claims: { iss: issuer.url }, header: { kid: '../../../../dev/null' } }),
    ],
    [
      'whose key id is SQL',
      () => foreign.sign({ claims: { iss: issuer.url }, header: { kid: `' union select 'x' --` } }),
    ],
    ['whose key id is no text', () => handMade({ alg: 'RS256', kid: { a: 1 } }, goodClaims(), rs256)],
    ['of a key of another kind', () => issuer.sign({ key: { ...other, kid: 'one' } })],
    ['cut off', async () => (await issuer.sign()).slice(0, -20)],
    ['without a signature', async () => (await issuer.sign()).replace(/[^.]+$/, '')],
    ['without its last dot', async () => (await issuer.sign()).replace(/\.[^.]+$/, '')],
    ['with a fourth part', async () => `${await issuer.sign()}.x`],
    ['with a changed payload', async () => changed(await issuer.sign(), 1)],
    ['with a changed header', async () => changed(await issuer.sign(), 0)],
    ['with a changed signature', async () => changed(await issuer.sign(), 2)],
    ['that is encrypted', () => 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aaaa.bbbb.cccc'],
    ['with a payload that is no object', () => handMade({ alg: 'RS256', kid: 'one' }, '"text"', rs256)],
    ['with a payload that is no JSON', () => handMade({ alg: 'RS256', kid: 'one' }, '{"sub":', rs256)],
    ['of dots alone', () => '...'],
    ['of nothing', () => '.'],
    ['longer than 16 KB', () => issuer.sign({ claims: { more: 'x'.repeat(17_000) } })],
  ];

  function expiry(number: string): string {
    return JSON.stringify(goodClaims()).replace(/"exp":\d+/, `"exp":${number}`);
  }

  function changed(token: string, part: number): string {
    const parts = token.split('.');
    const text = parts[part] ?? '';
    const at = text.length >> 1;
    parts[part] = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
    return parts.join('.');
  }

  it.each(cases)('%s is refused in the same words', async (_name, make) => {
    const { verifier } = setUp();
    await verifier.verify(await issuer.sign());
    const error = await refusalOf(async () => verifier.verify(await make()));
    expect(error).toMatchObject({ code: 'invalid_token', http: 401, param: undefined });
    expect(error.message).toBe(new MoltbotError('invalid_token').message);
    expect(denialFactsOf(error).reason).toEqual(expect.any(String));
  });

  it('asks nobody but the issuer for keys', async () => {
    const { verifier } = setUp();
    await verifier.verify(await issuer.sign());
    const token = await foreign.sign({ claims: { iss: issuer.url }, header: { jku: `${foreign.url}/jwks`, kid: 'x' } });
    await refusalOf(() => verifier.verify(token));
    expect(foreign.requests).toEqual([]);
  });

  it('with a claim twice counts as its last says, which the signature covers', async () => {
    const { verifier } = setUp();
    const twice = (json: string) => handMade({ alg: 'RS256', kid: 'one' }, json, rs256);
    const claims = JSON.stringify(goodClaims());
    expect(await reasonOf(verifier, twice(claims.replace('{', '{"exp":1,"aud":"x",').replace(/}$/, ',"exp":1}')))).toBe(
      'expired',
    );
    const last = await verifier.verify(twice(claims.replace('{', '{"sub":"first",')));
    expect(last.keyId).toBe((await verifier.verify(await issuer.sign())).keyId);
  });
});

describe('the issuer’s keys', () => {
  it.each([
    ['http://127.0.0.1:1', undefined, false],
    ['http://localhost:1', undefined, false],
    ['https://sso.example', undefined, false],
    ['http://sso.example', undefined, true],
    ['https://sso.example', 'http://keys.internal/jwks', true],
  ])('of %s at %s are warned of where others could change them on the way', (url, uri, warned) => {
    const { events } = setUp({ issuer: url, ...(uri !== undefined && { jwks_uri: uri }) });
    expect(events.some(({ type }) => type === 'issuer-insecure')).toBe(warned);
  });

  it('are fetched once for any number of first tokens', async () => {
    const { verifier } = setUp();
    const tokens = await Promise.all(
      Array.from({ length: 50 }, (_, index) => issuer.sign({ claims: { sub: `${index}` } })),
    );
    await Promise.all(tokens.map(async (token) => verifier.verify(token)));
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  it('are found at jwks_uri where that is set', async () => {
    const { verifier } = setUp({ jwks_uri: `${issuer.url}/jwks` });
    await verifier.verify(await issuer.sign());
    expect(issuer.requests).toEqual(['/jwks']);
  });

  it('are asked for anew by a token of a new key, but not by a flood of invented ones', async () => {
    const { verifier, state } = setUp({ jwks_uri: `${issuer.url}/jwks` });
    await verifier.verify(await issuer.sign());
    issuer.keys = [key, other];
    const fresh = await issuer.sign({ key: other });
    const invented = await Promise.all(
      Array.from({ length: 50 }, (_, index) => issuer.sign({ header: { kid: `invented-${index}` } })),
    );
    state.elapsed += 29_000;
    for (const token of invented) await refusalOf(() => verifier.verify(token));
    expect(await reasonOf(verifier, fresh)).toBe('unknown key');
    expect(issuer.requests).toHaveLength(1);
    state.elapsed += 2_000;
    await Promise.all(invented.map((token) => refusalOf(() => verifier.verify(token))));
    expect(issuer.requests).toHaveLength(2);
    // Though that flood took the turn, the new key came with it.
    expect(await verifier.verify(fresh)).toMatchObject({ scopes: ['chat'] });
    expect(issuer.requests).toHaveLength(2);
  });

  it('that are invented keep nobody out while the issuer takes its time', async () => {
    const { state, verifier } = setUp();
    await verifier.prepare();
    state.elapsed += 31_000;
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    issuer.behaviour = (_request, response) => {
      asked.resolve();
      void answer.promise.then(() => response.writeHead(503).end());
      return true;
    };
    const invented = Array.from({ length: 1_200 }, (_, index) =>
      refusalOf(() =>
        verifier.verify(handMade({ alg: 'RS256', kid: `invented-${index}` }, goodClaims(), () => 'AAAA')),
      ),
    );
    await asked.promise;
    // Those that don't wait have their answer by then.
    await Promise.race(invented);
    const good = await issuer.sign({ claims: { sub: 'person-2' } });
    expect(await verifier.verify(good)).toMatchObject({ scopes: ['chat'] });
    answer.resolve();
    await Promise.all(invented);
  });

  it('that are withdrawn end what was verified with them', async () => {
    const { verifier, state, events } = setUp();
    const token = await issuer.sign();
    const identity = await verifier.verify(token);
    issuer.keys = [other];
    state.elapsed += 600_000;
    // The last that the old key serves: it starts the look.
    expect(verifier.verify(token)).toBe(identity);
    await until(() => events.filter(({ type }) => type === 'issuer-keys-changed').length === 2);
    expect(await reasonOf(verifier, token)).toBe('unknown key');
  });

  it('serve for an hour while the issuer is down, then tokens can’t be checked', async () => {
    const { verifier, state, events } = setUp();
    const token = await issuer.sign({ claims: { exp: seconds() + 86_400 } });
    await verifier.verify(token);
    issuer.behaviour = (_request, response) => response.writeHead(503).end() !== undefined;
    const second = await issuer.sign({ claims: { sub: 'person-2', exp: seconds() + 86_400 } });
    state.elapsed += 3_599_000;
    expect(await verifier.verify(second)).toMatchObject({ scopes: ['chat'] });
    await until(() => events.some(({ type }) => type === 'issuer-keys-failed'));
    state.elapsed += 1_000;
    for (const late of [token, second]) {
      expect(await refusalOf(() => verifier.verify(late))).toMatchObject({ code: 'issuer_unavailable', http: 503 });
    }
    issuer.behaviour = undefined;
    state.elapsed += 2_000;
    expect(await verifier.verify(token)).toMatchObject({ scopes: ['chat'] });
  });

  it('that never came are asked for no more than once in two seconds', async () => {
    const { verifier, state } = setUp();
    issuer.behaviour = (request) => request.destroy() !== undefined;
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, at) => issuer.sign({ claims: { sub: `${at}` } })));
    for (const token of tokens) {
      expect(await refusalOf(() => verifier.verify(token))).toMatchObject({
        code: 'issuer_unavailable',
        retryAfterMs: 2_000,
      });
    }
    expect(issuer.requests).toHaveLength(1);
    issuer.behaviour = undefined;
    state.elapsed += 2_000;
    expect(await verifier.verify(tokens[0] ?? '')).toMatchObject({ scopes: ['chat'] });
  });

  const bad: [string, NonNullable<Issuer['behaviour']>][] = [
    ['of another issuer', answering({ issuer: 'http://127.0.0.1:1', jwks_uri: 'http://127.0.0.1:1/jwks' })],
    ['without an address of keys', (request, response) => answering({ issuer: issuer.url })(request, response)],
    [
      'with a file for the address of keys',
      (request, response) => answering({ issuer: issuer.url, jwks_uri: 'file:///etc/passwd' })(request, response),
    ],
    ['that leads elsewhere', (_request, response) => end(response, 302, '', { location: `${foreign.url}/jwks` })],
    ['that is no JSON', (_request, response) => end(response, 200, '<html>')],
    ['that is null', answering(null)],
    ['that does not end', (_request, response) => pour(response)],
    ['without keys', keysAnswering({ keys: [] })],
    ['whose keys are none', keysAnswering({ keys: 'x' })],
    ['with a shared secret for a key', keysAnswering({ keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'one' }] })],
    ['with a thousand keys', keysAnswering({ keys: Array.from({ length: 1_000 }, () => ({ kty: 'RSA' })) })],
  ];

  it.each(bad)('are not taken from a document %s', async (_name, behaviour) => {
    const { verifier } = setUp();
    issuer.behaviour = behaviour;
    const error = await refusalOf(async () => verifier.verify(await issuer.sign()));
    expect(['issuer_unavailable', 'invalid_token']).toContain(error.code);
    expect(foreign.requests).toEqual([]);
  });

  function end(
    response: Parameters<NonNullable<Issuer['behaviour']>>[1],
    status: number,
    body: string,
    headers: Record<string, string> = {},
  ): boolean {
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...headers }).end(body);
    return true;
  }

  function answering(document: unknown): NonNullable<Issuer['behaviour']> {
    return (_request, response) => end(response, 200, JSON.stringify(document));
  }

  function keysAnswering(set: unknown): NonNullable<Issuer['behaviour']> {
    return (request, response) => request.url === '/jwks' && end(response, 200, JSON.stringify(set));
  }

  function pour(response: Parameters<NonNullable<Issuer['behaviour']>>[1]): boolean {
    const chunk = Buffer.alloc(65_536, 0x20);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
    return true;
  }
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}
