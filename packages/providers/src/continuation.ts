import type { ChatRequest, Message } from '@moltbot/contracts';
import type { ChatTurn } from './wire.js';

/** The ask to go on, by the script the broken answer is written in; the first that matches. */
const ASKS: readonly (readonly [script: RegExp, ask: string])[] = [
  [
    /[\p{Script=Hiragana}\p{Script=Katakana}]/u,
    '直前のあなたの返答は途中で切れました。切れたところからそのまま続けてください。すでに書いた部分は繰り返さず、前置きも書かないでください。',
  ],
  [
    /\p{Script=Hangul}/u,
    '방금 답변이 중간에 끊겼습니다. 끊긴 바로 그 지점부터 이어서 쓰세요. 이미 쓴 내용은 반복하지 말고, 머리말도 쓰지 마세요.',
  ],
  [/\p{Script=Han}/u, '你上一条回答中途断了。请从断开的地方原样接着写，不要重复已经写过的内容，也不要加任何开场白。'],
  [
    /\p{Script=Cyrillic}/u,
    'Твой последний ответ оборвался. Продолжи ровно с того места, где он обрывается, на том же языке. Не повторяй написанного и ничего не пиши перед продолжением.',
  ],
];

const DEFAULT_ASK =
  'Your last message broke off. Go on from exactly where it stops, in the same language and form. ' +
  'Repeat nothing of it, and write nothing before the continuation.';

/** A request that goes on with an answer that broke off, in our words; the request itself where nothing was answered yet. */
export function withContinuation(request: ChatRequest, continuation: ChatTurn['continuation']): ChatRequest {
  if (continuation === undefined || continuation.text === '') return request;
  const { rung, text } = continuation;
  const soFar: Message = { role: 'assistant', content: [{ type: 'text', text }] };
  if (rung === 'prefill') return { ...request, messages: [...request.messages, soFar] };
  const ask = ASKS.find(([script]) => script.test(text))?.[1] ?? DEFAULT_ASK;
  return {
    ...request,
    messages: [...request.messages, soFar, { role: 'user', content: [{ type: 'text', text: ask }] }],
  };
}
