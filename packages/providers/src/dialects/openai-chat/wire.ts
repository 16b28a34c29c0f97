import type { ChatWire } from '../../wire.js';
import { fromAnswer } from './from-answer.js';
import { fromError } from './from-error.js';
import { createStreamReader } from './from-stream.js';
import { passRequest } from './pass-request.js';
import { type OpenAiChatOptions, toRequest } from './to-request.js';

/** OpenAI's chat completions (`https://api.openai.com/v1`), and every server that speaks them. */
export function createOpenAiChatWire(options: OpenAiChatOptions): ChatWire {
  return {
    dialect: 'openai-chat',
    toRequest: (turn) => toRequest(turn, options),
    passRequest,
    createStreamReader,
    fromAnswer,
    fromError,
  };
}
