import type { CallerRequest } from '../../caller-request.js';
import { passBody } from '../../pass-body.js';
import type { ChatWire, TurnOptions, UpstreamRequest } from '../../wire.js';
import { fromAnswer } from './from-answer.js';
import { fromError } from './from-error.js';
import { createStreamReader } from './from-stream.js';
import { JSON_HEADERS, PATH, toRequest } from './to-request.js';

/** Members that only we know. */
const OURS = ['models'];

/** OpenAI's responses (`https://api.openai.com/v1`). */
export const openAiResponsesWire: ChatWire = {
  dialect: 'openai-responses',
  toRequest,
  passRequest(call: CallerRequest, options: TurnOptions): UpstreamRequest {
    const set = {
      model: JSON.stringify(options.model),
      ...(options.stream === call.stream ? {} : { stream: String(options.stream) }),
    };
    const body = passBody(call, { set, remove: OURS });
    return { path: PATH, body, headers: JSON_HEADERS, dropped: [] };
  },
  createStreamReader,
  fromAnswer,
  fromError,
};
