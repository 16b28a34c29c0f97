import type { ChatRequest, Message } from '@moltbot/contracts';
import { continuePrompt } from './continue-prompt.js';
import type { ChatTurn } from './wire.js';

/** A request that goes on with an answer that broke off, in our words; the request itself where nothing was answered yet. */
export function withContinuation(request: ChatRequest, continuation: ChatTurn['continuation']): ChatRequest {
  if (continuation === undefined || continuation.text === '') return request;
  const { rung, text } = continuation;
  const soFar: Message = { role: 'assistant', content: [{ type: 'text', text }] };
  if (rung === 'prefill') return { ...request, messages: [...request.messages, soFar] };
  const ask = continuePrompt(text, lastUserText(request));
  return {
    ...request,
    messages: [...request.messages, soFar, { role: 'user', content: [{ type: 'text', text: ask }] }],
  };
}

function lastUserText(request: ChatRequest): string {
  const message = request.messages.findLast((candidate) => candidate.role === 'user');
  return message?.content.map((part) => (part.type === 'text' ? part.text : '')).join(' ') ?? '';
}
