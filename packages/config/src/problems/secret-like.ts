import type { SettingPath } from '../settings/setting-key.js';

const SECRET_NAME = /(key|secret|token|password|passphrase|credential|authorization|cookie)s?$/i;

/** Query parameters that say a version are the only ones known to be no secret. */
const PUBLIC_QUERY = /^(api[-_]?)?version$/i;

/** Known beginnings of keys, UUIDs, and long runs with letters and digits, as generated secrets are (`claude-3-5-…` is none). */
const SECRET_TEXT =
  /\b(sk|pk|rk|gsk|xai|hf|ghp|gho|glpat|xox[abp])[-_]|\bAIza|\beyJ|bearer\s|[0-9a-f]{8}(-[0-9a-f]{4}){3}-|(?=[A-Za-z_+=]*\d)(?=[\d_+=]*[A-Za-z])[A-Za-z0-9_+=]{20,}/i;

/** User info in a URL or what is left of one, a password by its name, or a query parameter that is named like a secret. */
const SECRET_PARTS: readonly RegExp[] = [
  /:[^\s@]*@/,
  /\/\/[^/?#\s]*:(?!\d+([/?#]|$))/,
  /(key|secret|token|password|passphrase|authorization|sig|signature)["']?\s*[=:]/i,
];

/** Names of headers and parameters: with anything else in them, a value may have slipped in. */
const PLAIN_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether what stands at this key is never shown, whatever it is. */
export function isSecretKey(path: SettingPath): boolean {
  const name = path.at(-1) ?? '';
  const parent = path.at(-2);
  // `timeouts.headers` is a length of time, `requires_credential` a switch.
  if (parent === 'timeouts' || name === 'requires_credential') return false;
  if (parent === 'headers' || name === 'headers' || name === 'query') return true;
  if (parent === 'query') return !PUBLIC_QUERY.test(name);
  if (name === 'url') return true;
  return SECRET_NAME.test(name);
}

/** Whether a text looks like a secret wherever it stands: a key that was pasted into the wrong line. */
export function looksSecret(text: string): boolean {
  return SECRET_TEXT.test(text) || SECRET_PARTS.some((pattern) => pattern.test(text));
}

/** A name that a user gave, as it may be printed: names that look like secrets, or are no names, are only measured. */
export function showName(name: string): string {
  if (name.length <= 64 && !looksSecret(name) && /^[\p{L}\p{N}_.:/@+<>-]+$/u.test(name)) return name;
  return measured(name);
}

function measured(name: string): string {
  return `(a name of ${name.length} characters)`;
}

/** The path with `showName` for each part. */
export function showPath(path: SettingPath): SettingPath {
  return path.map((part, index) => {
    const holder = path[index - 1];
    const isPlain = (holder !== 'headers' && holder !== 'query') || PLAIN_NAME.test(part);
    return isPlain ? showName(part) : measured(part);
  });
}

/** `; found "abc"`, or nothing where the value may be a secret. */
export function showFound(path: SettingPath, value: unknown): string {
  if (isSecretKey(path)) return '';
  if (value === undefined) return '';
  if (value === null) return '; found nothing';
  if (Array.isArray(value)) return '; found a list';
  if (typeof value === 'object') return '; found a mapping';
  if (typeof value === 'number' || typeof value === 'boolean') return `; found ${value}`;
  if (typeof value !== 'string' || value.length > 64 || looksSecret(value)) return '';
  return `; found ${JSON.stringify(value)}`;
}

/** A URL without user info, for printing; other text as it is. */
export function withoutUserInfo(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1***@').replace(/([?&][\w-]*password=)[^&#]*/gi, '$1***');
}
