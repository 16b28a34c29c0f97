import type { Dialect } from '@moltbot/contracts';
import type { DialectEmitter } from '../../demo/emitter.js';
import { openAiChatEmitter } from '../../demo/openai-chat-emitter.js';
import { anthropicMessagesEmitter } from './anthropic-messages.js';
import { geminiEmitter } from './gemini.js';
import { openAiResponsesEmitter } from './openai-responses.js';

/** How each provider speaks. */
export const dialectEmitters: Readonly<Record<Dialect, DialectEmitter>> = {
  'openai-chat': openAiChatEmitter,
  'openai-responses': openAiResponsesEmitter,
  'anthropic-messages': anthropicMessagesEmitter,
  gemini: geminiEmitter,
};
