import type { Locale } from '@moltbot/config';
import { ERRORS, type ErrorCode } from '@moltbot/contracts';
import type { Messages } from '../../messages/messages.js';
import { CHECK_IDS, type CheckId } from '../check.js';
import { CAUSE_OF, type FindingCode } from '../finding-facts.js';
import { englishChecks } from './en-checks.js';
import { englishErrors } from './en-errors.js';
import type { Explanation } from './explanation.js';
import { chineseChecks } from './zh-checks.js';
import { chineseErrors } from './zh-errors.js';
import { CHECK_OF } from './check-of-finding.js';

export interface Explained extends Explanation {
  readonly code: string;
  readonly kind: 'error' | 'check' | 'finding';
  /** HTTP status of an error. */
  readonly http: number | null;
  /** The check that tells a finding. */
  readonly check: CheckId | null;
}

/** Everything that can be explained. */
export function explainableCodes(): readonly string[] {
  return [...Object.keys(ERRORS), ...CHECK_IDS, ...Object.keys(CAUSE_OF)];
}

/** A long text about an error code, a check or a finding. @returns `undefined` for what is none of them */
export function explainCode(options: {
  readonly code: string;
  readonly locale: Locale;
  /** For the names of commands. */
  readonly command: string;
  readonly messages: Pick<Messages, 'errorAction'>;
}): Explained | undefined {
  const { code, locale, command, messages } = options;
  const here = (explained: Explained): Explained => ({
    ...explained,
    why: named(explained.why, command),
    remedy: named(explained.remedy, command),
  });
  if (Object.hasOwn(ERRORS, code)) return here(explainError(code as ErrorCode, locale, messages));
  const checks = locale === 'zh' ? chineseChecks : englishChecks;
  if (Object.hasOwn(checks, code)) {
    return here({ ...checks[code as CheckId], code, kind: 'check', http: null, check: code as CheckId });
  }
  if (!Object.hasOwn(CAUSE_OF, code)) return undefined;
  const check = CHECK_OF[code as FindingCode];
  return here({ ...checks[check], code, kind: 'finding', http: null, check });
}

function explainError(code: ErrorCode, locale: Locale, messages: Pick<Messages, 'errorAction'>): Explained {
  const { title, http } = ERRORS[code];
  const { why, more } = locale === 'zh' ? chineseErrors[code] : englishErrors[code];
  const what = locale === 'zh' ? chineseErrors[code].what : title;
  return {
    code,
    kind: 'error',
    http,
    check: null,
    what: /[.。]$/.test(what) ? what : `${what}${locale === 'zh' ? '。' : '.'}`,
    why,
    remedy: `${messages.errorAction(code)}${locale === 'zh' ? '' : ' '}${more}`,
  };
}

function named(text: string, command: string): string {
  return text.replaceAll('`moltbot ', `\`${command} `);
}
