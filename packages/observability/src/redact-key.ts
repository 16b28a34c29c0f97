import { redactText } from './redact-text.js';

/**
 * What a key's name says about its value: `secret` is never printed, `count` only where it is a number
 * (`tokens`, `max_tokens`), `content` is what people or models wrote.
 */
export interface KeyRule {
  readonly kind: 'plain' | 'secret' | 'count' | 'content';
  /** The key itself, safe to print. */
  readonly printed: string;
}

const CONTENT = new Set([
  'messages',
  'content',
  'contents',
  'prompt',
  'text',
  'input',
  'inputtext',
  'output',
  'outputtext',
  'system',
  'systeminstruction',
  'instructions',
  'completion',
  'delta',
  'arguments',
  'partialjson',
  'reasoning',
  'reasoningcontent',
]);

const SECRET = new Set([
  'auth',
  'jwt',
  'otp',
  'sig',
  'signature',
  'xamzsignature',
  'assertion',
  'clientassertion',
  'codeverifier',
  'devicecode',
  'setcookie',
  'pass',
  'passcode',
  'pwd',
  'pem',
  'pfx',
]);

const SECRET_PART = /secret|password|passwd|passphrase|apikey|privatekey|accesskey|authorization|cookie|bearer/;

/** A key's name or kind is no key: `apiKeyId`, `token_endpoint`, `tokenType`. */
const ABOUT_A_SECRET =
  /(?:id|name|type|count|limit|expires|expiresat|expiresin|url|uri|endpoint|endpointauthmethod|length|fingerprint)$/;

/** Keys that end in `key` and open nothing. */
const HARMLESS_KEY =
  /^(?:public|primary|foreign|cache|sort|partition|routing|idempotency|job|state|setting|config)key$/;

const MAX_CACHED = 2_000;
const MAX_KEY = 128;
const cache = new Map<string, KeyRule>();

export function ruleOfKey(key: string): KeyRule {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const rule: KeyRule = {
    kind: kindOfKey(key),
    printed: redactText(key.length > MAX_KEY ? key.slice(0, MAX_KEY) : key),
  };
  if (key.length <= MAX_KEY) {
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(key, rule);
  }
  return rule;
}

function kindOfKey(key: string): KeyRule['kind'] {
  const word = key
    .slice(0, MAX_KEY)
    .replace(/[^A-Za-z0-9]/g, '')
    .toLowerCase();
  if (CONTENT.has(word)) return 'content';
  if (SECRET.has(word)) return 'secret';
  if (ABOUT_A_SECRET.test(word)) return 'plain';
  if (SECRET_PART.test(word)) return 'secret';
  if (word.includes('token')) return kindOfTokenKey(word);
  if (word.endsWith('key') && !HARMLESS_KEY.test(word)) return 'secret';
  return 'plain';
}

function kindOfTokenKey(word: string): KeyRule['kind'] {
  if (/tokeni[sz]/.test(word)) return 'plain';
  return word.includes('tokens') || word.includes('tokenusage') || word.includes('tokenbudget') ? 'count' : 'secret';
}
