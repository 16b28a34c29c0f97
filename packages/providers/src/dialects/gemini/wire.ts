import type { CallerRequest } from '../../caller-request.js';
import { passBody } from '../../pass-body.js';
import type { ChatWire, TurnOptions, UpstreamRequest } from '../../wire.js';
import { fromAnswer } from './from-answer.js';
import { fromError } from './from-error.js';
import { createStreamReader } from './from-stream.js';
import { generatePath, JSON_HEADERS, toRequest } from './to-request.js';

/** Members that only we know; Google refuses a body with a name it doesn't know. */
const OURS = ['model', 'models', 'stream'];

/** Google's generateContent (`https://generativelanguage.googleapis.com/v1beta`). */
export const geminiWire: ChatWire = {
  dialect: 'gemini',
  toRequest,
  passRequest(call: CallerRequest, options: TurnOptions): UpstreamRequest {
    return {
      path: generatePath(options.model, options.stream),
      body: passBody(call, { set: {}, remove: OURS }),
      headers: JSON_HEADERS,
      dropped: [],
    };
  },
  createStreamReader,
  fromAnswer,
  fromError,
};
