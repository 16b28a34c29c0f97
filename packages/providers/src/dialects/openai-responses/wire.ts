import type { ChatWire } from '../../wire.js';
import { fromAnswer } from './from-answer.js';
import { fromError } from './from-error.js';
import { createStreamReader } from './from-stream.js';
import { passRequest } from './pass-request.js';
import { toRequest } from './to-request.js';

/** OpenAI's responses (`https://api.openai.com/v1`). */
export const openAiResponsesWire: ChatWire = {
  dialect: 'openai-responses',
  toRequest,
  passRequest,
  createStreamReader,
  fromAnswer,
  fromError,
};
