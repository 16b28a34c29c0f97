import type { ChatRequest } from '@moltbot/contracts';
import type { CallerRequest } from '../caller-request.js';
import type { Model } from '../target.js';
import type { ChatTurn, UpstreamRequest } from '../wire.js';

/** Sent where the API demands a limit, the caller gave none, and the model's own is not known. */
const DEFAULT_MAX_OUTPUT_TOKENS = 4_096;

export interface UpstreamTurnOptions {
  readonly call: CallerRequest;
  readonly model: Model;
  readonly stream: boolean;
  /** An answer that broke off, and the request to go on with it. */
  readonly continuation?: (NonNullable<ChatTurn['continuation']> & { readonly request: ChatRequest }) | undefined;
}

/**
 * The request for one model: the caller's own bytes where both speak the same dialect and nothing has to be continued.
 * @throws MoltbotError `invalid_request` where the caller's request had to be translated and is wrong
 */
export function upstreamTurn({ call, model, stream, continuation }: UpstreamTurnOptions): UpstreamRequest {
  const { chat, capabilities, provider } = model;
  const options = {
    model: model.upstreamName,
    stream,
    streamUsage: stream && provider.settings.stream_usage,
    defaultMaxOutputTokens: capabilities.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS,
  };
  if (continuation === undefined) {
    if (call.dialect === model.dialect) return chat.passRequest(call, options);
    return chat.toRequest({ ...options, request: call.request() });
  }
  const { rung, text, request } = continuation;
  return chat.toRequest({ ...options, request, continuation: { rung, text } });
}
