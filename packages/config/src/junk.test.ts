import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAuthFile } from './auth-file.js';
import { ConfigError } from './problems/config-problem.js';
import { setConfigValue } from './edit.js';
import { parseSettings } from './load.js';

const CANARY = 'hunter2';

const CONFIG = `models:
  primary: azure:gpt
  fallbacks: [ollama:llama3:8b, demo:x]
providers:
  azure:
    kind: openai
    base_url: https://ann:${CANARY}@azure.example/v1
    headers: {authorization: "Bearer ${CANARY}", x-team: ${CANARY}}
    query:
      api-version: '2024-10-21'
      sig: ${CANARY}
storage:
  url: postgres://ann:${CANARY}@db.example:5432/moltbot
queue: {url: "redis://:${CANARY}@queue.example/0"}
server:
  port: 8080
`;

const AUTH = `{
  "openai": { "type": "api_key", "key": "${CANARY}" },
  "anthropic": { "type": "oauth", "client_id": "cli", "scopes": ["model:read"], "client_secret": "${CANARY}" }
}
`;

/** One slip of the hand: a character lost, doubled or replaced, a line lost, two lines joined, the end cut off. */
const slip = fc.record({
  kind: fc.constantFrom('lose', 'double', 'replace', 'lose-line', 'join', 'cut'),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  character: fc.constantFrom(...':{}[],"\'#&*!|>%@`-? \t\n\\=x0'.split('')),
});
type Slip = typeof slip extends fc.Arbitrary<infer Value> ? Value : never;

function slipped(text: string, { kind, at, character }: Slip): string {
  const index = Math.floor(at * text.length);
  if (kind === 'lose') return text.slice(0, index) + text.slice(index + 1);
  if (kind === 'double') return text.slice(0, index + 1) + text.slice(index);
  if (kind === 'replace') return text.slice(0, index) + character + text.slice(index + 1);
  if (kind === 'cut') return text.slice(0, index);
  const lines = text.split('\n');
  const line = Math.floor(at * (lines.length - 1));
  if (kind === 'lose-line') return lines.toSpliced(line, 1).join('\n');
  return lines.toSpliced(line, 2, `${lines[line]}${lines[line + 1]}`).join('\n');
}

/** Whatever `read` throws is `config_invalid` and shows no canary, printed in any way. */
function expectSafe(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(/^[^\n]+(\n[^\n]+)*$/);
    expect(inspect(error, { depth: 20 })).not.toContain(CANARY);
  }
}

const readConfig = (text: string) => () => parseSettings({ text, file: 'config.yml' });
const readAuth = (text: string) => () => parseAuthFile({ text, file: 'auth.json' });

describe('a file with slips in it', () => {
  it('starts from one without', () => {
    expect(readConfig(CONFIG)).not.toThrow();
    expect(readAuth(AUTH)).not.toThrow();
  });

  it('is read, or refused without a word of its secrets: config.yml', () => {
    fc.assert(
      fc.property(fc.array(slip, { minLength: 1, maxLength: 3 }), (slips) => {
        expectSafe(readConfig(slips.reduce(slipped, CONFIG)));
      }),
      { numRuns: 400 },
    );
  });

  it('is read, or refused without a word of its secrets: auth.json', () => {
    fc.assert(
      fc.property(fc.array(slip, { minLength: 1, maxLength: 4 }), (slips) => {
        expectSafe(readAuth(slips.reduce(slipped, AUTH)));
      }),
      { numRuns: 400 },
    );
  });
});

describe('junk', () => {
  const piece = fc.constantFrom(
    'a',
    ' ',
    '\n',
    '  ',
    ': ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '"',
    "'",
    '#',
    '&a',
    '*a',
    '!t',
    '|',
    '>',
    '%',
    '---',
    '...',
    '?',
    '<<',
    '__proto__',
    'models',
    'server:',
    'port: ',
    '1',
    '\t',
    '\u0000',
    '\u2028',
    '😀',
    '\ud800',
  );

  it('that the library reads and will not write is refused', () => {
    expectSafe(() => setConfigValue({ text: ': &a\u0000', key: 'server.port', value: '1' }));
  });

  it('of any kind is refused with config_invalid, or read', () => {
    const text = fc.oneof(
      fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary', maxLength: 200 }),
    );
    fc.assert(
      fc.property(text, (text) => {
        expectSafe(readConfig(text));
        expectSafe(readAuth(text));
        expectSafe(() => setConfigValue({ text, key: 'server.port', value: '1' }));
        expectSafe(() => setConfigValue({ text: 'server: {port: 1}', key: 'logs.file', value: text }));
        expectSafe(() => setConfigValue({ text: '', key: text, value: '1' }));
      }),
      { numRuns: 200 },
    );
  });

  it('in variables and flags is refused without its value', () => {
    const name = fc.constantFrom('MOLTBOT_SERVER_PORT', 'MOLTBOT_STORAGE_URL', 'MOLTBOT_TIMEOUTS_GAP', 'MOLTBOT_X');
    fc.assert(
      fc.property(name, fc.array(piece, { maxLength: 10 }), (name, pieces) => {
        const value = CANARY + pieces.join('');
        expectSafe(() => parseSettings({ text: '', file: 'c.yml', env: { [name]: value } }));
        expectSafe(() =>
          parseSettings({ text: '', file: 'c.yml', flags: { 'server.port': value, 'queue.url': value } }),
        );
      }),
    );
  });

  it('cannot reach the prototype of anything', () => {
    for (const text of [
      '__proto__: {polluted: 1}',
      'constructor: {prototype: {polluted: 1}}',
      'providers: {__proto__: {polluted: 1}}',
    ]) {
      expect(readConfig(text)).toThrow(ConfigError);
    }
    expect(() =>
      parseSettings({ text: '', file: '', flags: JSON.parse('{"__proto__": {"polluted": 1}}') as {} }),
    ).toThrow(ConfigError);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
