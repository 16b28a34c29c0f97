export const MASK = '***';
const STOPPERS = String.raw`\s"',;&)}\]`;

/** Secrets of the usual shapes; only samples and values that are shown pass through here. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, MASK],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, MASK],
  [/\b(?:sk|pk|rk|mb|xox[abprs]|gh[pousr]|glpat|AKIA|ASIA|AIza|ya29)[-_.]?[\w-]{12,}/g, MASK],
  [/\b(Bearer|Basic|Token)\s+[\w.~+/=-]{8,}/gi, `$1 ${MASK}`],
  [
    new RegExp(
      String.raw`((?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|cookie|credential|client[_-]?secret)["']?\s*[=:]\s*["']?)(?!\*\*\*)[^${STOPPERS}]+`,
      'gi',
    ),
    `$1${MASK}`,
  ],
  [/((?:\b[a-z][a-z0-9+.-]*:\/\/|^)[^\s/:@]*:)[^\s/@]+@/gi, `$1${MASK}@`],
];

const SECRET_NAME =
  /(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|cookie|credential|bearer|basic|private[_-]?key|(?:\b(?:sk|pk|rk|xox[abprs]|gh[pousr]|glpat)[-_]))["']?\s*[=:]?\s*["']?(?:bearer|basic|token)?\s*$/i;

/** Whether what follows this text is a secret: `password=`, `Authorization: Bearer `. */
export const announcesSecret = (before: string): boolean => SECRET_NAME.test(before);

/** The text with what looks like a secret replaced by stars. */
export function maskSecrets(text: string): string {
  let masked = text;
  for (const [shape, replacement] of SHAPES) masked = masked.replace(shape, replacement);
  return masked;
}
