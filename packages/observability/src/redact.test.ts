import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { redact, redactField } from './redact.js';
import { redactText } from './redact-text.js';

/** Built in pieces, so that no scanner takes the test for a leak. */
const CANARIES = {
  openai: ['sk-', 'proj-Abc123Def456Ghi789'].join(''),
  anthropic: ['sk-', 'ant-api03-Zyx987Wvu654'].join(''),
  ours: ['mb_', 'k1Ab2Cd3Ef4Gh5Ij6'].join(''),
  google: ['AIza', 'SyA1b2C3d4E5f6G7h8I9j0K1l2M3'].join(''),
  github: ['ghp_', 'A1b2C3d4E5f6G7h8I9j0'].join(''),
  slack: ['xoxb-', '123456789012-abcdefABCDEF'].join(''),
  aws: ['AKIA', 'IOSFODNN7EXAMPLE'].join(''),
  oauth: ['ya29.', 'a0AfH6SMBx-canary-value'].join(''),
  jwt: ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxMjM0In0', 'c2lnbmF0dXJl'].join('.'),
};

const MARK = 'canary-4711-plain-text';

describe('values that look like secrets', () => {
  it.each(Object.entries(CANARIES))('hides a key of the shape %s wherever it stands in a text', (_name, canary) => {
    for (const text of [canary, `before ${canary} after`, `x=(${canary}),`, JSON.stringify({ note: canary })]) {
      expect(redactText(text)).not.toContain(canary);
      expect(redactText(text)).toContain('***');
    }
  });

  it.each([
    `Bearer ${MARK}`,
    `authorization: Basic ${MARK}`,
    `https://someone:${MARK}@host.test/path`,
    `https://host.test/v1?key=${MARK}&alt=sse`,
    `https://host.test/v1?a=1&access_token=${MARK}`,
    `OPENAI_API_KEY=${MARK} node main.js`,
    `{"api_key":"${MARK}"}`,
    `{\\"client_secret\\": \\"${MARK}\\"}`,
    `x-api-key: ${MARK}`,
    `cookie: session=${MARK}; other=1`,
    `-----BEGIN RSA PRIVATE KEY-----\n${MARK}\n-----END RSA PRIVATE KEY-----`,
    `-----BEGIN PRIVATE KEY-----\n${MARK}`,
  ])('hides the secret of %p', (text) => {
    expect(redactText(text)).not.toContain(MARK);
    expect(redactText(text)).toContain('***');
  });

  it.each([
    'openai:gpt-5-mini answered in 812 ms',
    'task-scheduler-worker and disk-usage-report are not keys',
    'moltbot keys create laptop',
    'max_tokens=4096 total_tokens=12',
    '{"max_tokens":"4096"}',
    'http://127.0.0.1:8080/v1/chat/completions?limit=10',
    'The bearer token is missing',
  ])('leaves %p as it is', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('takes linear time on texts made to slow it down', () => {
    const hostile = ['://', 'a:', '"token', '-----BEGIN PRIVATE KEY-----', 'eyJaaaaaaaa.', 'Bearer ', 'x-', '?key'];
    for (const piece of hostile) {
      const started = performance.now();
      redactText(piece.repeat(20_000));
      expect(performance.now() - started).toBeLessThan(1_000);
    }
  });
});

describe('values under a telling key', () => {
  it.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'x-api-key',
    'api-key',
    'apiKey',
    'OPENAI_API_KEY',
    'x-goog-api-key',
    'cookie',
    'Set-Cookie',
    'client_secret',
    'secretAccessKey',
    'token',
    'accessToken',
    'refresh_token',
    'id_token',
    'password',
    'passphrase',
    'key',
    'private_key',
    'code_verifier',
    'signature',
  ])('hides what stands under %p, at any depth and in any container', (key) => {
    const containers = [
      { [key]: MARK },
      { deep: { deeper: [{ [key]: MARK }] } },
      { [key]: { nested: MARK } },
      { [key]: [MARK] },
      new Map([[key, MARK]]),
      { headers: [key, MARK, 'accept', 'text/plain'] },
    ];
    for (const container of containers) expect(JSON.stringify(redact(container))).not.toContain(MARK);
    expect(JSON.stringify(redactField(key, MARK))).toBe('"***"');
  });

  it('keeps counts of tokens, and hides texts that stand beside them', () => {
    expect(
      redact({
        max_tokens: 12,
        tokens: { input: 3, output: 4 },
        totalTokens: 7,
        tokenizer: 'o200k',
        refresh_tokens: [MARK],
      }),
    ).toEqual({
      max_tokens: 12,
      tokens: { input: 3, output: 4 },
      totalTokens: 7,
      tokenizer: 'o200k',
      refresh_tokens: ['***'],
    });
  });

  it('keeps the names and kinds of secrets', () => {
    const facts = {
      apiKeyId: 'ak_1',
      tokenType: 'Bearer',
      token_endpoint: 'https://host.test/token',
      idempotencyKey: 'job-1',
    };
    expect(redact(facts)).toEqual(facts);
  });

  it('tells whether a secret is there', () => {
    expect(redact({ password: '', token: null, secret: undefined, apiKey: true })).toEqual({
      password: '',
      token: null,
      secret: undefined,
      apiKey: true,
    });
  });

  it('replaces what people wrote by its length, unless told to keep it', () => {
    const body = { messages: [{ role: 'user', content: MARK }], prompt: MARK, usage: { input: 3, output: 4 } };
    expect(redact(body)).toEqual({
      messages: '[content: 1 items]',
      prompt: `[content: ${MARK.length} characters]`,
      usage: { input: 3, output: 4 },
    });
    expect(JSON.stringify(redact(body, { keepContent: true }))).toContain(MARK);
    expect(JSON.stringify(redact({ messages: [{ key: MARK }] }, { keepContent: true }))).not.toContain(MARK);
  });

  it('hides the value beside a secret name, in lists of headers and variables', () => {
    const value = {
      headers: [
        { name: 'x-api-key', value: MARK },
        { key: 'authorization', value: MARK },
      ],
      env: { name: 'OPENAI_API_KEY', value: MARK },
      raw: ['accept', '*/*', 'x-api-key', MARK, '--token', MARK, '--api-keys', MARK],
    };
    expect(JSON.stringify(redact(value))).not.toContain(MARK);
    expect(redact({ name: 'accept', value: 'x' })).toEqual({ name: 'accept', value: 'x' });
  });

  it('leaves lists of plain words alone', () => {
    const migrations = ['2026-11-22-1-api-keys', '2026-11-22-2-usage-ledger', '2026-12-01-1-token-store', 'end'];
    expect(redact({ migrations })).toEqual({ migrations });
    const tables = ['api_keys', 'requests', 'attempts'];
    expect(redact({ tables })).toEqual({ tables });
  });

  it('hides secrets that are themselves keys', () => {
    expect(JSON.stringify(redact({ [CANARIES.ours]: 1 }))).not.toContain(CANARIES.ours);
  });

  it('reads headers, query parameters and URLs', () => {
    const values = [
      new Headers({ 'x-api-key': MARK }),
      new URLSearchParams({ access_token: MARK }),
      new URL(`https://u:${MARK}@host.test/?key=${MARK}`),
    ];
    for (const value of values) expect(JSON.stringify(redact({ value }))).not.toContain(MARK);
  });
});

describe('any value', () => {
  it('prints what prints itself as stars as stars', () => {
    const secret = { toJSON: () => '***', hidden: MARK };
    expect(redact({ secret, list: [secret] })).toEqual({ secret: '***', list: ['***'] });
  });

  it('says what an error is, with its code and cause, and hides secrets in its message', () => {
    const error = Object.assign(new Error(`failed with ${CANARIES.openai}`), {
      code: 'ECONNRESET',
      token: MARK,
      cause: new TypeError('inner'),
    });
    const printed = redact({ error }) as { error: Record<string, unknown> };
    expect(printed.error).toMatchObject({
      name: 'Error',
      code: 'ECONNRESET',
      cause: { name: 'TypeError', message: 'inner' },
    });
    expect(JSON.stringify(printed)).not.toContain(CANARIES.openai);
    expect(JSON.stringify(printed)).not.toContain(MARK);
  });

  it('survives cycles, great depth, great size, hostile getters and proxies', () => {
    const cycle: Record<string, unknown> = { name: 'a' };
    cycle['self'] = cycle;
    expect(redact(cycle)).toEqual({ name: 'a', self: '[circular]' });

    let deep: unknown = 'bottom';
    for (let level = 0; level < 10_000; level += 1) deep = { deep };
    expect(JSON.stringify(redact(deep))).toContain('[too deep]');

    const wide = Array.from({ length: 1_000 }, () => Array.from({ length: 1_000 }, () => ({ a: 'x'.repeat(100) })));
    expect(JSON.stringify(redact(wide)).length).toBeLessThan(200_000);
    expect(JSON.stringify(redact('x'.repeat(1_000_000))).length).toBeLessThan(10_000);

    const hostile = {
      get bad(): never {
        throw new Error('no');
      },
    };
    expect(redact({ hostile })).toEqual({ hostile: '[unreadable]' });
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(redact({ proxy })).toEqual({ proxy: '[unreadable]' });
    expect(redact({ bytes: Buffer.from(MARK), big: 12n, not: Number.NaN, call: () => MARK })).toEqual({
      bytes: `[${MARK.length} bytes]`,
      big: '12',
      not: 'NaN',
      call: '[function]',
    });
  });

  it('always ends in valid JSON without the canary', () => {
    const leaf = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.constant(CANARIES.anthropic));
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('node'), { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('token', 'content', '__proto__')), tie('node'), {
          maxKeys: 4,
        }),
      ),
    })).node;
    fc.assert(
      fc.property(tree, (value) => {
        const printed = JSON.stringify(redact({ value }));
        expect(printed).not.toContain(CANARIES.anthropic);
        JSON.parse(printed);
      }),
      { numRuns: 200 },
    );
  });
});
