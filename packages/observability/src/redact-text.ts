export const STARS = '***';

/** One look that tells almost every text apart from those worth the replacements below. */
const SUSPICIOUS =
  /bearer|basic|(?:sk|pk|rk|xai|pplx|nvapi|glpat)-|(?:mb|gsk|hf|r8|gh[pousr]|github_pat)_|xox[a-z]-|ya29\.|AIza|AKIA|ASIA|eyJ|:\/\/|PRIVATE KEY|key|secret|token|passw|passphrase|pwd|authorization|cookie|verifier|device.?code|assertion|signature|sig=|code=/i;

type Replacement = readonly [pattern: RegExp, by: string | ((match: string, ...groups: string[]) => string)];

const NAME = String.raw`[\w.-]{0,64}(?:api[_-]?key|access[_-]?key|private[_-]?key|secret|passw(?:or)?d|passphrase|pwd|token|authorization|cookie|code[_-]?verifier|device[_-]?code|assertion|signature)[\w.-]{0,32}`;

/** To the closing quote, past escaped ones, or to the end of a text that was cut off. */
const DOUBLE_QUOTED = String.raw`"(?:[^"\\]|\\[\s\S])*(?:"|\\?$)`;
const SINGLE_QUOTED = String.raw`'(?:[^'\\]|\\[\s\S])*(?:'|\\?$)`;
/** The same within a text that is itself a string of JSON: quotes are `\"`, escaped ones `\\\"`. */
const ESCAPED_QUOTED = String.raw`\\"(?:[^"\\]|\\\\(?:\\[\s\S]|[^\\]))*(?:\\"|\\*$)`;

/** `name`, then the value with its quotes: they stay. */
function hideQuoted(match: string, name: string, value: string): string {
  if (isCount(name, value)) return match;
  const quote = value.startsWith('\\') ? '\\"' : /^["']/.test(value) ? value.charAt(0) : '';
  const isClosed = value.length > quote.length && value.endsWith(quote);
  return `${name}${quote}${STARS}${isClosed ? quote : ''}`;
}

/** A number after `tokens=` is a count; after `password=` it is a password. */
function isCount(name: string, value: string): boolean {
  return /^["']?\d+["',;.)\]}]*$/.test(value) && /tokens|token[_-]?(?:count|limit|budget|usage)/i.test(name);
}

const REPLACEMENTS: readonly Replacement[] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, STARS],
  [/\b(Bearer|Basic)(\s+)[A-Za-z0-9._~+/=-]{8,}/gi, `$1$2${STARS}`],
  // https://user:password@host; passwords that nobody encoded may hold an @ …
  [/(:\/\/[^\s/?#:@]{0,256}):[^\s/?#]{0,1024}@/g, `$1:${STARS}@`],
  // … or a slash, where no port stands
  [/(:\/\/[^\s/?#:@[]{0,256}):(?!\d{1,5}(?:[/?#]|$)|\*\*\*@)[^\s"'<>]{0,1024}@/g, `$1:${STARS}@`],
  [/(?<![A-Za-z0-9])((?:sk|pk|rk|xai|pplx|nvapi|glpat)-)[A-Za-z0-9_-]{8,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9_])((?:mb|gsk|hf|r8|gh[pousr]|github_pat)_)[A-Za-z0-9_-]{8,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(xox[a-z]-)[A-Za-z0-9-]{8,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(ya29\.)[A-Za-z0-9_-]{8,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(AIza)[A-Za-z0-9_-]{20,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(AKIA|ASIA)[A-Z0-9]{12,}/g, `$1${STARS}`],
  [/(?<![A-Za-z0-9])(eyJ)[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?/g, `$1${STARS}`],
  // "api_key": "…" inside a text, also where the text is itself quoted
  [new RegExp(String.raw`(\\"${NAME}\\"\s*:\s*)(${ESCAPED_QUOTED})`, 'gi'), hideQuoted],
  [new RegExp(String.raw`(["']${NAME}["']\s*:\s*)(${DOUBLE_QUOTED}|${SINGLE_QUOTED})`, 'gi'), hideQuoted],
  // api_key=… and ?key=… as in a query, a form or a command line
  [
    new RegExp(
      String.raw`((?:(?<![\w.-])${NAME}|[?&](?:key|sig|code))=)(${DOUBLE_QUOTED}|${SINGLE_QUOTED}|[^\s"&]+)`,
      'gi',
    ),
    hideQuoted,
  ],
  [/(--[\w-]{0,32}(?:key|token|secret|password)\s+)(?!-)\S{8,}/gi, `$1${STARS}`],
  // x-api-key: … as in a raw header
  [
    /(?<![\w-])((?:proxy-)?authorization|cookie|set-cookie|(?:[\w]{1,16}-){0,4}api-key|x-[\w-]{0,40}(?:token|secret|key|signature|password))(:\s*)[^\r\n]+/gi,
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
