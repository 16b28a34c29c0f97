import type { ErrorCode } from '@moltbot/contracts';
import { FAILURE_KINDS, type FailureKind } from '../failure.js';

/** What is done about a failure. One row for each kind: the engine has no other rule about kinds. */
export interface FailureRow {
  /** What happened, for the printed table. */
  readonly means: string;
  /** Whether the same model is asked again with the same credential. Repeats are counted against the budgets. */
  readonly sameTarget: 'no' | 'backoff' | 'once' | 'once-now' | 'if-retry-after-fits' | 'after-refresh';
  /** Whether another credential of the provider is asked; `first`: before the same one is waited for. */
  readonly otherCredential: 'no' | 'yes' | 'first';
  /** Whether the chain goes on. */
  readonly next: 'no' | 'yes' | 'with-room' | 'policy-chain';
  readonly breaker: 'none' | 'counts' | 'counts-half' | 'opens-model' | 'until-retry-after';
  readonly credential: 'none' | 'out' | 'out-for-hours' | 'cooling';
  /** What is done where the first content has already gone to the caller. */
  readonly afterCommit: 'rescue' | 'stop';
  /** What the caller is told, where it was the primary's. */
  readonly code: ErrorCode;
  /** Whether the provider's own 4xx status and words are passed on: they concern what the caller wrote. */
  readonly passedOn: boolean;
}

const BASE = {
  sameTarget: 'no',
  otherCredential: 'no',
  next: 'yes',
  breaker: 'none',
  credential: 'none',
  afterCommit: 'rescue',
  code: 'upstream_error',
  passedOn: false,
} as const satisfies Omit<FailureRow, 'means'>;

const BROKEN_STREAM = { ...BASE, sameTarget: 'backoff', breaker: 'counts' } as const;

/** What MoltBot does about each failure, as data; docs/failover.md shows it. */
export const FAILURE_TABLE: Readonly<Record<FailureKind, FailureRow>> = {
  'invalid-request': {
    ...BASE,
    means: '400 invalid, 413, 422',
    next: 'no',
    code: 'invalid_request',
    passedOn: true,
  },
  'context-too-long': {
    ...BASE,
    means: '400 context too long',
    next: 'with-room',
    code: 'context_length_exceeded',
    passedOn: true,
  },
  'content-filtered': {
    ...BASE,
    means: '400/403 content filter',
    next: 'policy-chain',
    afterCommit: 'stop',
    code: 'content_filtered',
    passedOn: true,
  },
  'model-not-found': {
    ...BASE,
    means: '404 model unknown or retired',
    breaker: 'opens-model',
    code: 'model_not_found',
  },
  'credential-rejected': {
    ...BASE,
    means: '401, 403 credential',
    sameTarget: 'after-refresh',
    otherCredential: 'yes',
    credential: 'out',
    code: 'credential_rejected',
  },
  'quota-exhausted': {
    ...BASE,
    means: '402, insufficient quota',
    otherCredential: 'yes',
    credential: 'out-for-hours',
    code: 'quota_exhausted',
  },
  'connect-timeout': { ...BASE, means: 'connect timeout', breaker: 'counts', code: 'upstream_timeout' },
  'response-timeout': { ...BASE, means: '408, header timeout', breaker: 'counts', code: 'upstream_timeout' },
  unreachable: {
    ...BASE,
    means: 'refused, name not resolved, TLS failed',
    sameTarget: 'once-now',
    breaker: 'counts',
    code: 'upstream_unreachable',
  },
  'server-error': {
    ...BASE,
    means: '409, 425, 500, 502, unknown errors',
    sameTarget: 'backoff',
    breaker: 'counts',
  },
  overloaded: {
    ...BASE,
    means: '503, 504, 529',
    sameTarget: 'once',
    breaker: 'counts',
    code: 'upstream_overloaded',
  },
  'rate-limited': {
    ...BASE,
    means: '429',
    sameTarget: 'if-retry-after-fits',
    otherCredential: 'first',
    breaker: 'until-retry-after',
    credential: 'cooling',
    code: 'rate_limited',
  },
  reset: { ...BASE, means: 'reset before headers', sameTarget: 'once-now', breaker: 'counts' },
  'not-an-answer': {
    ...BASE,
    means: '200 that is no answer',
    sameTarget: 'backoff',
    breaker: 'counts',
  },
  'first-content-late': {
    ...BASE,
    means: 'first content too late',
    breaker: 'counts-half',
    code: 'upstream_timeout',
  },
  'stream-cut': { ...BROKEN_STREAM, means: 'stream cut' },
  'stream-stalled': { ...BASE, means: 'stream stalled', breaker: 'counts', code: 'upstream_timeout' },
  'stream-malformed': { ...BROKEN_STREAM, means: 'malformed event' },
  'stream-unfinished': { ...BROKEN_STREAM, means: 'end without a finish marker' },
  'stream-error': { ...BROKEN_STREAM, means: 'error event of no exact kind' },
  unfit: {
    ...BASE,
    means: 'nothing sent: no credential, no room, a capability missing, every connection in use',
    code: 'overloaded',
  },
  loading: { ...BASE, means: 'nothing sent: still being loaded', code: 'model_loading' },
  cancelled: {
    ...BASE,
    means: 'the caller went away, or the deadline passed',
    next: 'no',
    afterCommit: 'stop',
    code: 'client_closed',
  },
};

const WORDS: Readonly<Record<string, string>> = {
  'once-now': 'once, at once',
  'if-retry-after-fits': 'only if Retry-After fits the wait cap and the deadline',
  'after-refresh': 'once, after a forced refresh',
  backoff: 'yes, backed off with full jitter',
  first: 'yes, first',
  'with-room': 'only a model with room',
  'policy-chain': 'only the policy chain, where one is configured',
  'counts-half': 'counts half',
  'opens-model': 'opens for that model',
  'until-retry-after': 'until Retry-After',
  'out-for-hours': 'out for 5 h, doubling to 24 h',
  cooling: 'cooling until Retry-After',
  rescue: 'rescue ladder',
  stop: 'honest end',
  none: 'no',
};

function say(value: string): string {
  return WORDS[value] ?? value;
}

/** The table as Markdown, for the documentation. */
export function failureTableMarkdown(): string {
  const head = [
    'Kind',
    'What happened',
    'Same target again',
    'Another key of that provider',
    'Next in the chain',
    'Breaker',
    'Credential',
    'After the first content',
    'What the caller is told',
  ];
  const rows = FAILURE_KINDS.map((kind) => {
    const row = FAILURE_TABLE[kind];
    return [
      `\`${kind}\``,
      row.means,
      say(row.sameTarget),
      say(row.otherCredential),
      say(row.next),
      say(row.breaker),
      say(row.credential),
      say(row.afterCommit),
      `\`${row.code}\`${row.passedOn ? ', with the provider’s words' : ''}`,
    ];
  });
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
