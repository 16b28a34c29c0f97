export const STARS = '***';

/** One look that tells almost every text apart from those worth the replacements below. */
const SUSPICIOUS =
  /bearer|basic|(?:sk|pk|rk|xai|pplx|nvapi|glpat)-|(?:mb|gsk|hf|r8|gh[pousr]|github_pat)_|xox[a-z]-|ya29\.|AIza|AKIA|ASIA|eyJ|:\/\/|PRIVATE KEY|key|secret|token|passw|authorization|cookie/i;

type Replacement = readonly [pattern: RegExp, by: string | ((match: string, ...groups: string[]) => string)];

const NAME = String.raw`[\w.-]{0,64}(?:api[_-]?key|secret|passw(?:or)?d|token|authorization|cookie)[\w.-]{0,32}`;

/** A number after `tokens=` is a count. */
const keepNumbers = (match: string, before: string, value: string, after = ''): string =>
  /^\d+$/.test(value) ? match : `${before}${STARS}${after}`;

const REPLACEMENTS: readonly Replacement[] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, STARS],
  [/\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]{8,}/gi, `$1$2${STARS}`],
  // https://user:password@host, and the same without a password where the user part is a token
  [/(:\/\/[^\s/?#:@]{0,256}):[^\s/?#@]{0,1024}@/g, `$1:${STARS}@`],
  [/(?<![A-Za-z0-9])((?:sk|pk|rk|xai|pplx|nvapi|glpat)-)[A-Za-z0-9_-]{8,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9_])((?:mb|gsk|hf|r8|gh[pousr]|github_pat)_)[A-Za-z0-9_-]{8,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(xox[a-z]-)[A-Za-z0-9-]{8,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(ya29\.)[A-Za-z0-9_-]{8,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(AIza)[A-Za-z0-9_-]{20,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(AKIA|ASIA)[A-Z0-9]{12,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(eyJ)[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?/g, `$1${STARS}`],
  // "api_key": "…" inside a text, with or without escaped quotes
  [new RegExp(String.raw`(\\?["']${NAME}\\?["']\s*:\s*\\?["'])([^"'\\]+)(\\?["'])`, 'gi'), keepNumbers],
  // api_key=… and ?key=… as in a query or a command line
  [new RegExp(String.raw`((?:(?<![\w.-])${NAME}|[?&](?:key|sig|code))=["']?)([^\s"'&;,]+)`, 'gi'), keepNumbers],
  // x-api-key: … as in a raw header
  [
    /(?<![\w-])((?:proxy-)?authorization|cookie|set-cookie|(?:[\w]{1,16}-){0,4}api-key)(:\s*)[^\r\n]+/gi,
    `$1$2${STARS}`,
  ],
];

/** The text with secrets of a known shape replaced by `***`. Linear in its length. */
export function redactText(text: string): string {
  if (text.length < 6 || !SUSPICIOUS.test(text)) return text;
  let clean = text;
  for (const [pattern, by] of REPLACEMENTS) {
    clean = typeof by === 'string' ? clean.replace(pattern, by) : clean.replace(pattern, by);
  }
  return clean;
}
