import type { Dialect } from '@moltbot/contracts';
import type { Behaviour, FailureKind } from '@moltbot/providers';
import type { FaultyAddress } from './faulty-addresses.js';

export type DrillMode = 'stream' | 'whole';

/**
 * What of the chain is broken: a model, a model as far as some keys pay for it, keys (for every model that they pay for), or all
 * that stands behind an address.
 */
export type DrillScope = 'model' | 'model-credential' | 'credential' | 'provider';

/** How it is broken. */
export type DrillFault =
  | { readonly at: 'address'; readonly address: FaultyAddress }
  | { readonly at: 'answer'; readonly behaviour: (limits: FaultContext) => Behaviour }
  /** Before anything is sent: the token has expired and can't be renewed. */
  | { readonly at: 'token' }
  /** A model that this machine runs itself is still being loaded. */
  | { readonly at: 'load' }
  /** The token that is held was taken back; a refresh brings a good one. */
  | { readonly at: 'stale-token' };

export interface FaultContext {
  /** Of all waits of one request together, in ms; scaled. */
  readonly maxTotalWait: number;
  readonly dialect: Dialect;
}

export interface DrillRow {
  /** What the engine has to take it for; `ok`: no failure at all. */
  readonly kind: FailureKind | 'credential_expired' | 'model_loading' | 'ok';
  readonly modes: readonly DrillMode[];
  readonly scope: DrillScope;
  readonly fault: DrillFault;
  /** Part of the short form. */
  readonly quick?: true;
  /** Whether the first content has gone to the caller by then. */
  readonly afterCommit?: true;
  /** Only the first call fails. */
  readonly once?: true;
  /** What those that take over refuse. */
  readonly othersRefusePrefill?: true;
  /** APIs that have no code for it: there it is an ordinary 400. */
  readonly onlyIn?: readonly Dialect[];
  /** Of this much time the operator's limit decides how long a caller waits. */
  readonly limit?: 'connect' | 'headers' | 'first_content' | 'gap';
}

const BOTH = ['stream', 'whole'] as const;
const STREAM = ['stream'] as const;
const WHOLE = ['whole'] as const;
/** Where a stream of 60 tokens breaks. */
const AFTER = 20;
/** Of no kind that anybody knows. */
const UNNAMED = { type: 'drill', code: 'drill' } as const;
const OPENAI: readonly Dialect[] = ['openai-chat', 'openai-responses'];

const status = (
  code: number,
  more: Omit<Extract<Behaviour, { type: 'status' }>, 'type' | 'status'> = {},
): DrillFault => ({
  at: 'answer',
  behaviour: () => ({ type: 'status', status: code, ...more }),
});
const answer = (behaviour: Behaviour): DrillFault => ({ at: 'answer', behaviour: () => behaviour });
const address = (of: FaultyAddress): DrillFault => ({ at: 'address', address: of });
const retryAfter = (share: number): DrillFault => ({
  at: 'answer',
  behaviour: ({ maxTotalWait }) => ({
    type: 'status',
    status: 429,
    headers: { 'retry-after-ms': String(Math.ceil(maxTotalWait * share)) },
  }),
});

/** Every way in which a target is broken: the rows of docs/failover.md, and the faults that each of them stands for. */
export const DRILL_ROWS = {
  'connection-refused': {
    kind: 'unreachable',
    modes: BOTH,
    scope: 'provider',
    fault: address('refused'),
    quick: true,
  },
  'name-not-found': { kind: 'unreachable', modes: BOTH, scope: 'provider', fault: address('unknown-name') },
  'tls-failed': { kind: 'unreachable', modes: BOTH, scope: 'provider', fault: address('no-tls') },
  'connect-timeout': {
    kind: 'connect-timeout',
    modes: BOTH,
    scope: 'provider',
    fault: address('silent'),
    limit: 'connect',
  },
  'status-400': { kind: 'invalid-request', modes: BOTH, scope: 'model', fault: status(400), quick: true },
  'status-413': {
    kind: 'invalid-request',
    modes: BOTH,
    scope: 'model',
    onlyIn: [...OPENAI, 'gemini'],
    fault: status(413),
  },
  'status-422': { kind: 'invalid-request', modes: BOTH, scope: 'model', fault: status(422) },
  'context-too-long': {
    kind: 'context-too-long',
    modes: BOTH,
    scope: 'model',
    quick: true,
    onlyIn: [...OPENAI, 'anthropic-messages'],
    fault: {
      at: 'answer',
      behaviour: ({ dialect }) =>
        // Anthropic says by the status what others say by a code.
        dialect === 'anthropic-messages'
          ? { type: 'status', status: 413 }
          : { type: 'status', status: 400, error: { code: 'context_length_exceeded' } },
    },
  },
  'content-filter': {
    kind: 'content-filtered',
    modes: BOTH,
    scope: 'model',
    quick: true,
    onlyIn: OPENAI,
    fault: status(400, { error: { code: 'content_filter' } }),
  },
  'status-401': { kind: 'credential-rejected', modes: BOTH, scope: 'credential', fault: status(401), quick: true },
  'status-403': { kind: 'credential-rejected', modes: BOTH, scope: 'credential', fault: status(403) },
  'token-expired': {
    kind: 'credential_expired',
    modes: BOTH,
    scope: 'credential',
    fault: { at: 'token' },
    quick: true,
  },
  'token-stale': {
    kind: 'credential-rejected',
    modes: BOTH,
    scope: 'credential',
    fault: { at: 'stale-token' },
    quick: true,
  },
  'status-402': { kind: 'quota-exhausted', modes: BOTH, scope: 'credential', fault: status(402) },
  'status-404': { kind: 'model-not-found', modes: BOTH, scope: 'model', fault: status(404), quick: true },
  'status-408': { kind: 'response-timeout', modes: BOTH, scope: 'model', fault: status(408) },
  'status-409': { kind: 'server-error', modes: BOTH, scope: 'model', fault: status(409) },
  'status-425': { kind: 'server-error', modes: BOTH, scope: 'model', fault: status(425) },
  'rate-limited': { kind: 'rate-limited', modes: BOTH, scope: 'model-credential', fault: status(429), quick: true },
  'rate-limited-briefly': {
    kind: 'rate-limited',
    modes: BOTH,
    scope: 'model-credential',
    fault: retryAfter(0.1),
    once: true,
  },
  'rate-limited-long': {
    kind: 'rate-limited',
    modes: BOTH,
    scope: 'model-credential',
    fault: retryAfter(3),
    quick: true,
  },
  'status-500': { kind: 'server-error', modes: BOTH, scope: 'model', fault: status(500), quick: true },
  'status-500-once': { kind: 'server-error', modes: BOTH, scope: 'model', fault: status(500), once: true },
  'status-502': { kind: 'server-error', modes: BOTH, scope: 'model', fault: status(502) },
  'status-503': { kind: 'overloaded', modes: BOTH, scope: 'model', fault: status(503), quick: true },
  'status-504': { kind: 'overloaded', modes: BOTH, scope: 'model', fault: status(504) },
  'status-529': { kind: 'overloaded', modes: BOTH, scope: 'model', fault: status(529) },
  reset: { kind: 'reset', modes: BOTH, scope: 'model', fault: answer({ type: 'reset' }), quick: true },
  'reset-in-headers': { kind: 'reset', modes: BOTH, scope: 'model', fault: answer({ type: 'reset-in-headers' }) },
  'slow-headers': {
    kind: 'response-timeout',
    modes: STREAM,
    scope: 'model',
    fault: answer({ type: 'silence' }),
    quick: true,
    limit: 'headers',
  },
  'slow-answer': {
    kind: 'response-timeout',
    modes: WHOLE,
    scope: 'model',
    fault: answer({ type: 'silence' }),
  },
  'slow-first-token': {
    kind: 'first-content-late',
    modes: STREAM,
    scope: 'model',
    quick: true,
    limit: 'first_content',
    // Headers, a role event and keep-alives come, and no content for an hour.
    fault: answer({ type: 'slow-first-content', delayMs: 3_600_000, keepAliveMs: 100 }),
  },
  'model-loading': {
    kind: 'model_loading',
    modes: BOTH,
    scope: 'model',
    fault: { at: 'load' },
  },
  'html-page': { kind: 'not-an-answer', modes: BOTH, scope: 'model', fault: answer({ type: 'html' }) },
  'empty-body': { kind: 'not-an-answer', modes: BOTH, scope: 'model', fault: answer({ type: 'empty' }) },
  'half-json': {
    kind: 'not-an-answer',
    modes: WHOLE,
    scope: 'model',
    fault: answer({ type: 'half-json' }),
    quick: true,
  },
  'stream-cut': {
    kind: 'stream-cut',
    modes: STREAM,
    scope: 'model',
    fault: answer({ type: 'cut', after: AFTER }),
    afterCommit: true,
    quick: true,
  },
  'stream-stalled': {
    kind: 'stream-stalled',
    modes: STREAM,
    scope: 'model',
    fault: answer({ type: 'stall', after: AFTER }),
    afterCommit: true,
    quick: true,
    limit: 'gap',
  },
  'stream-malformed': {
    kind: 'stream-malformed',
    modes: STREAM,
    scope: 'model',
    fault: answer({ type: 'malformed', after: AFTER }),
    afterCommit: true,
    quick: true,
  },
  'stream-error': {
    kind: 'stream-error',
    modes: STREAM,
    scope: 'model',
    fault: answer({ type: 'error-event', after: AFTER, error: UNNAMED }),
    afterCommit: true,
  },
  'stream-error-at-once': {
    kind: 'stream-error',
    modes: STREAM,
    scope: 'model',
    fault: answer({ type: 'error-event', after: 0, error: UNNAMED }),
  },
  'stream-unfinished': {
    kind: 'stream-unfinished',
    modes: STREAM,
    scope: 'model',
    fault: answer({ type: 'no-finish' }),
    afterCommit: true,
    quick: true,
  },
  'no-end-marker': {
    kind: 'ok',
    modes: STREAM,
    scope: 'model',
    // In OpenAI's responses API the finish is the end marker.
    onlyIn: ['openai-chat', 'anthropic-messages', 'gemini'],
    fault: answer({ type: 'no-end-marker' }),
  },
  'prefill-refused': {
    kind: 'stream-cut',
    modes: STREAM,
    scope: 'model',
    fault: answer({ type: 'cut', after: AFTER }),
    afterCommit: true,
    othersRefusePrefill: true,
    quick: true,
  },
} as const satisfies Readonly<Record<string, DrillRow>>;

export type DrillRowId = keyof typeof DRILL_ROWS;

export const DRILL_ROW_IDS = Object.keys(DRILL_ROWS) as readonly DrillRowId[];

export function drillRow(id: DrillRowId): DrillRow {
  return DRILL_ROWS[id];
}
