import type { AssistantMessage, ChatAnswer, FinishReason, StreamPart } from '@moltbot/contracts';
import { ProviderError } from '../../failure.js';
import { parseJson, readObject } from '../../read-json.js';
import type { WholeAnswer } from '../../wire.js';
import { readErrorObject, toProviderError } from './from-error.js';
import { ResponseReader } from './from-response.js';

type Part = AssistantMessage['content'][number];

/**
 * A GenerateContentResponse that came whole.
 * @throws ProviderError `not-an-answer` where there is no finished candidate, `content-filtered` for a refused prompt
 */
export function fromAnswer(body: Buffer): WholeAnswer {
  const value = parseJson(body.toString('utf8'));
  const response = readObject(value);
  if (response === undefined) {
    const error = readErrorObject(value);
    if (error !== undefined) throw toProviderError(error, { status: 200, unknown: 'not-an-answer' });
    throw new ProviderError('not-an-answer', 'The body is no JSON object.', { status: 200 });
  }
  const reader = new ResponseReader({ streamed: false });
  const parts: StreamPart[] = [];
  reader.read(response, parts);
  if (!reader.finished) {
    throw new ProviderError('not-an-answer', 'The body holds no finished candidate.', { status: 200 });
  }
  return { bytes: body, usage: reader.usage, answer: () => toAnswer(parts) };
}

/** The first candidate; neighbouring texts of a kind are one part. */
function toAnswer(parts: readonly StreamPart[]): ChatAnswer {
  const content: Part[] = [];
  let id: string | undefined;
  let model: string | undefined;
  let finishReason: FinishReason = 'other';
  let usage: ChatAnswer['usage'];
  for (const part of parts) {
    if ('choice' in part && part.choice !== 0) continue;
    switch (part.type) {
      case 'start':
        ({ id, model } = part);
        break;
      case 'text-delta':
        addText(content, 'text', part.text);
        break;
      case 'reasoning-delta':
        addText(content, 'reasoning', part.text);
        break;
      case 'tool-call-start':
        content.push({ type: 'tool-call', id: part.id, name: part.name, arguments: '', signature: part.signature });
        break;
      case 'tool-call-delta': {
        const call = content.at(-1);
        if (call?.type === 'tool-call') content[content.length - 1] = { ...call, arguments: part.arguments };
        break;
      }
      case 'finish':
        finishReason = part.reason;
        break;
      case 'usage':
        ({ usage } = part);
        break;
      case 'end':
      case 'reasoning-seal':
      case 'refusal-delta':
        break;
    }
  }
  return { id, model, content, finishReason, usage };
}

function addText(content: Part[], type: 'text' | 'reasoning', text: string): void {
  const last = content.at(-1);
  if (last?.type === type) content[content.length - 1] = { ...last, text: last.text + text };
  else content.push({ type, text });
}
