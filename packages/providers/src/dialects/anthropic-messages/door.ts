import type { DialectDoor } from '../../dialect-door.js';
import { fromRequest } from './from-request.js';
import { toAnswer } from './to-answer.js';
import { toError } from './to-error.js';
import { createStreamWriter } from './to-stream.js';

/** Anthropic's Messages dialect as callers speak it. */
export const anthropicMessagesDoor: DialectDoor = {
  dialect: 'anthropic-messages',
  conversation: 'messages',
  fromRequest,
  toAnswer,
  createStreamWriter,
  toError,
  keepAlive: 'event: ping\ndata: {"type": "ping"}\n\n',
};
