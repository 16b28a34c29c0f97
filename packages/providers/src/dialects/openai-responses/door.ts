import type { DialectDoor } from '../../dialect-door.js';
import { toError } from '../openai-chat/to-error.js';
import { fromRequest } from './from-request.js';
import { nativeOnly } from './native-only.js';
import { toAnswer } from './to-answer.js';
import { createStreamWriter } from './to-stream.js';

/** OpenAI's responses dialect as callers speak it. */
export const openAiResponsesDoor: DialectDoor = {
  dialect: 'openai-responses',
  conversation: 'input',
  fromRequest,
  nativeOnly,
  toAnswer,
  createStreamWriter,
  toError,
  keepAlive: ': keep-alive\n\n',
  replaces: true,
};
