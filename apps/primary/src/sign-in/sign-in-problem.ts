import { OAuthError } from '@moltbot/auth';
import { type ErrorCode, MoltbotError } from '@moltbot/contracts';
import type { PageTexts } from './pages/page-texts.js';

export type ProblemReason = keyof PageTexts['errors'];
type Step = keyof PageTexts['steps'];

interface ProblemRow {
  readonly status: number;
  /** Of the table of errors. */
  readonly code: ErrorCode;
  readonly step: Step;
}

const PROBLEMS: Readonly<Record<ProblemReason, ProblemRow>> = {
  'other-browser': { status: 400, code: 'sign_in_failed', step: 'again' },
  'state-mismatch': { status: 400, code: 'sign_in_failed', step: 'again' },
  used: { status: 400, code: 'sign_in_failed', step: 'again' },
  late: { status: 400, code: 'sign_in_failed', step: 'again' },
  access_denied: { status: 400, code: 'sign_in_failed', step: 'agree' },
  'no-code': { status: 400, code: 'sign_in_failed', step: 'again' },
  'wrong-issuer': { status: 400, code: 'sign_in_failed', step: 'doctor' },
  'wrong-account': { status: 400, code: 'sign_in_failed', step: 'account' },
  'provider-refused': { status: 400, code: 'sign_in_failed', step: 'configure' },
  unreachable: { status: 502, code: 'sign_in_failed', step: 'doctor' },
  timeout: { status: 504, code: 'sign_in_failed', step: 'doctor' },
  unavailable: { status: 502, code: 'sign_in_failed', step: 'wait' },
  'bad-answer': { status: 502, code: 'sign_in_failed', step: 'doctor' },
  misconfigured: { status: 400, code: 'sign_in_failed', step: 'configure' },
  'other-origin': { status: 400, code: 'sign_in_failed', step: 'open' },
  'no-redirect': { status: 400, code: 'sign_in_failed', step: 'configure' },
  'bad-redirect': { status: 400, code: 'config_invalid', step: 'configure' },
  'not-oauth': { status: 400, code: 'invalid_request', step: 'reload' },
  'unknown-account': { status: 404, code: 'not_found', step: 'reload' },
  'changed-entry': { status: 409, code: 'sign_in_failed', step: 'again' },
  'foreign-page': { status: 403, code: 'forbidden_origin', step: 'reload' },
  'device-gone': { status: 404, code: 'sign_in_failed', step: 'again' },
  'client-refused': { status: 400, code: 'sign_in_failed', step: 'doctor' },
  'device-expired': { status: 400, code: 'sign_in_failed', step: 'again' },
  'not-admin': { status: 403, code: 'permission_denied', step: 'key' },
  'too-many': { status: 503, code: 'overloaded', step: 'wait' },
  other: { status: 500, code: 'internal_error', step: 'doctor' },
};

/** Why a page can't do what it was asked for, for a person. Nothing was stored. */
export class SignInProblem extends Error {
  override readonly name = 'SignInProblem';
  readonly reason: ProblemReason;
  readonly status: number;
  readonly code: ErrorCode;
  readonly step: Step;
  readonly say: (texts: PageTexts) => string;
  /** An address to go on with. */
  readonly link: string | undefined;
  /** What was said in English by whoever knows more; safe to show. */
  readonly detail: string | undefined;

  constructor(
    reason: ProblemReason,
    say?: (texts: PageTexts) => string,
    options: { readonly link?: string; readonly detail?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    ({ status: this.status, code: this.code, step: this.step } = PROBLEMS[reason]);
    this.say = say ?? ((texts) => plainText(texts, reason));
    this.link = options.link;
    this.detail = options.detail;
  }
}

/** Those reasons that need no further facts. */
function plainText(texts: PageTexts, reason: ProblemReason): string {
  const text = texts.errors[reason];
  return typeof text === 'string' ? text : texts.errors.other;
}

/** What the OAuth client rejected with, and our own refusals. */
export function toSignInProblem(error: unknown): SignInProblem {
  if (error instanceof SignInProblem) return error;
  if (error instanceof OAuthError) return fromOAuthError(error);
  if (error instanceof MoltbotError) return fromOwnError(error);
  return new SignInProblem('other', undefined, { cause: error });
}

function fromOwnError(error: MoltbotError): SignInProblem {
  const options = { cause: error, detail: error.message };
  switch (error.code) {
    case 'forbidden_origin':
      return new SignInProblem('foreign-page', undefined, { cause: error });
    case 'permission_denied':
      return new SignInProblem('not-admin', undefined, { cause: error });
    case 'sign_in_failed':
      return new SignInProblem('wrong-account', undefined, options);
    case 'internal_error':
      return new SignInProblem('other', undefined, { cause: error });
    default:
      return new SignInProblem('other', undefined, options);
  }
}

function fromOAuthError(error: OAuthError): SignInProblem {
  const { failure, code = 'other' } = error;
  const options = { cause: error, detail: error.description ?? error.message };
  switch (failure) {
    case 'refused':
    case 'rejected-callback':
      if (code === 'access_denied') return new SignInProblem('access_denied', undefined, options);
      if (code === 'expired_token') return new SignInProblem('device-expired', undefined, options);
      return new SignInProblem('provider-refused', (texts) => texts.errors['provider-refused'](code), options);
    case 'unreachable':
    case 'timeout':
    case 'unavailable':
    case 'bad-answer':
    case 'misconfigured':
      return new SignInProblem(failure, undefined, options);
  }
}

/** Our own errors keep their code and status: the page names it. */
export function problemCode({ cause, code, status }: SignInProblem): { code: ErrorCode; status: number } {
  return cause instanceof MoltbotError ? { code: cause.code, status: cause.http } : { code, status };
}
