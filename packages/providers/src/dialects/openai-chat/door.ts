import type { DialectDoor } from '../../dialect-door.js';
import { fromRequest } from './from-request.js';
import { toAnswer } from './to-answer.js';
import { toError } from './to-error.js';
import { createStreamWriter } from './to-stream.js';

/** OpenAI's chat completions dialect as callers speak it. */
export const openAiChatDoor: DialectDoor = {
  dialect: 'openai-chat',
  conversation: 'messages',
  fromRequest,
  toAnswer,
  createStreamWriter,
  toError,
  keepAlive: ': keep-alive\n\n',
};
