import type { CallerRequest } from '../../caller-request.js';
import { passBody } from '../../pass-body.js';
import type { ChatWire, CountTokensWire, TurnOptions, UpstreamRequest } from '../../wire.js';
import { fromAnswer, fromCountAnswer } from './from-answer.js';
import { fromError } from './from-error.js';
import { createStreamReader } from './from-stream.js';
import { ANTHROPIC_HEADERS, toCountRequest, toRequest } from './to-request.js';
import { withoutUnsigned } from './unsigned-thinking.js';

/** Anthropic's Messages API, version 2023-06-01; the base URL ends with `/v1`. */
export const anthropicMessagesWire: ChatWire = {
  dialect: 'anthropic-messages',
  toRequest,
  passRequest,
  createStreamReader,
  fromAnswer,
  fromError,
};

/** `POST /messages/count_tokens`. */
export const anthropicCountTokensWire: CountTokensWire = { toRequest: toCountRequest, fromAnswer: fromCountAnswer };

const OURS: readonly string[] = ['models'];

function passRequest(call: CallerRequest, options: TurnOptions): UpstreamRequest {
  const set: Record<string, string> = { model: JSON.stringify(options.model) };
  if (call.stream !== options.stream) set['stream'] = String(options.stream);
  const messages = withoutUnsigned(call);
  if (messages !== undefined) set['messages'] = messages;
  return {
    path: '/messages',
    body: passBody(call, { set, remove: OURS }),
    headers: ANTHROPIC_HEADERS,
    dropped: [],
  };
}
