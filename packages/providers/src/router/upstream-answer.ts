import { ProviderError } from '../failure.js';
import type { UpstreamResponse } from '../http/upstream.js';
import type { UpstreamRequest } from '../wire.js';
import type { TargetCall } from './try-model.js';
import { upstreamPost } from './upstream-post.js';

const ERROR_BODY_BYTES = 65_536;
const ERROR_BODY_MS = 5_000;
/** Answers with images are large; beyond this one is taken for a fault. */
const ANSWER_BYTES = 64 * 1_048_576;

export interface SendOptions {
  readonly call: TargetCall;
  readonly request: UpstreamRequest;
  readonly accept: 'application/json' | 'text/event-stream';
  readonly callerHeaders?: Readonly<Record<string, string>> | undefined;
  readonly headersTimeoutMs: number;
}

/**
 * Sends a request to a target.
 * @returns a response with a status from 200 to 299; its body has not been read
 * @throws ProviderError what any other status says, and what the connection does
 */
export async function send(options: SendOptions): Promise<UpstreamResponse> {
  const { call, request, accept, callerHeaders } = options;
  const { run, model, token, log } = call;
  const { provider } = model;
  const remaining = Math.ceil(run.budget.remainingMs);
  const traceparent = run.parts.observer.traceparent?.({
    requestId: run.requestId,
    index: log.index,
    provider: provider.name,
  });
  const sentElapsed = run.parts.elapsed();
  const response = await run.parts.clientFor(provider).post(
    upstreamPost({
      provider,
      request,
      token,
      credentialType: call.payer?.type,
      accept,
      callerHeaders: traceparent === undefined ? callerHeaders : { ...callerHeaders, traceparent },
      connectTimeoutMs: Math.min(run.plan.timeouts.connect, remaining),
      headersTimeoutMs: Math.min(options.headersTimeoutMs, remaining),
      signal: run.signal,
    }),
  );
  log.status = response.status;
  // The built-in one has our own clock.
  if (provider.kind !== 'demo') run.parts.clocks.note(provider.name, sentElapsed, response);
  if (response.status >= 400) throw await errorOf(response, call);
  if (response.status >= 300) {
    response.cancel();
    throw new ProviderError('not-an-answer', 'The provider redirected the call', { status: response.status });
  }
  return response;
}

/**
 * The whole body of an answer that is JSON.
 * @throws ProviderError `not-an-answer` where it is something else, breaks off, or is empty
 */
export async function wholeJson(response: UpstreamResponse, call: TargetCall): Promise<Buffer> {
  const type = contentType(response);
  if (type !== '' && !type.includes('json')) {
    response.cancel();
    throw new ProviderError('not-an-answer', 'The answer is not JSON', { status: response.status });
  }
  const { budget, plan } = call.run;
  const timeoutMs = Math.min(plan.timeouts.answer - call.log.sinceStartMs, budget.remainingMs);
  try {
    return await response.whole({ limit: ANSWER_BYTES, timeoutMs: Math.max(1, timeoutMs) });
  } catch (error) {
    if (!(error instanceof ProviderError) || error.kind !== 'stream-cut') throw error;
    throw new ProviderError('not-an-answer', 'The answer broke off', { status: response.status, cause: error });
  }
}

export function contentType(response: UpstreamResponse): string {
  const type = response.headers['content-type'];
  return (typeof type === 'string' ? type : (type?.[0] ?? '')).toLowerCase();
}

/** What a response that is an error says. Its body helps where it comes, and is done without where it does not. */
async function errorOf(response: UpstreamResponse, { run, model }: TargetCall): Promise<ProviderError> {
  const { status, headers } = response;
  const timeoutMs = Math.max(1, Math.min(ERROR_BODY_MS, run.budget.remainingMs));
  let body: Buffer;
  try {
    body = await response.whole({ limit: ERROR_BODY_BYTES, timeoutMs });
  } catch {
    body = Buffer.alloc(0);
  }
  return model.chat.fromError({ status, headers, body, now: run.parts.clock() });
}
