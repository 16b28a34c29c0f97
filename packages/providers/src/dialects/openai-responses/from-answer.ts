import type { AssistantMessage, ChatAnswer, FinishReason, StreamPart } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { ProviderError } from '../../failure.js';
import { parseJson, readList, readObject, readText } from '../../read-json.js';
import type { WholeAnswer } from '../../wire.js';
import { toProviderError } from './from-error.js';
import { OutputReader } from './from-output.js';
import { fromUsage } from './from-usage.js';

type Part = AssistantMessage['content'][number];

const UNKNOWN = 'not-an-answer';

/**
 * A response that came whole.
 * @throws ProviderError `not-an-answer` where it is none or not finished, else what its error says
 */
export function fromAnswer(body: Buffer): WholeAnswer {
  const response = readObject(parseJson(body.toString('utf8')));
  if (response === undefined) throw new ProviderError(UNKNOWN, 'The body is no JSON object.', { status: 200 });
  const { status } = response;
  if (status === 'failed' || status === 'cancelled' || (response['error'] ?? undefined) !== undefined) {
    throw toProviderError(readObject(response['error']), { status: 200, unknown: UNKNOWN });
  }
  if (
    !Array.isArray(response['output']) ||
    (status !== undefined && status !== 'completed' && status !== 'incomplete')
  ) {
    throw new ProviderError(UNKNOWN, 'The body is no finished response.', { status: 200 });
  }
  const usage = fromUsage(response['usage']);
  return { bytes: body, usage, answer: () => toAnswer(response, usage) };
}

function toAnswer(response: JsonObject, usage: ChatAnswer['usage']): ChatAnswer {
  const output = new OutputReader();
  const content: Part[] = [];
  for (const [index, item] of readList(response['output']).entries()) {
    const parts: StreamPart[] = [];
    output.done(index, item, parts);
    for (const part of parts) addPart(content, part);
  }
  const finishReason: FinishReason = output.finishReason(response);
  return { id: readText(response['id']), model: readText(response['model']), content, finishReason, usage };
}

/** Neighbouring texts of a kind are one part; a seal belongs to the reasoning before it. */
function addPart(content: Part[], part: StreamPart): void {
  const last = content.at(-1);
  const replaceLast = (changed: Part): unknown => content.splice(-1, 1, changed);
  switch (part.type) {
    case 'text-delta':
      if (last?.type === 'text') replaceLast({ ...last, text: last.text + part.text });
      else content.push({ type: 'text', text: part.text });
      return;
    case 'refusal-delta':
      if (last?.type === 'refusal') replaceLast({ ...last, text: last.text + part.text });
      else content.push({ type: 'refusal', text: part.text });
      return;
    case 'reasoning-delta':
      if (last?.type === 'reasoning' && last.redacted === undefined) {
        replaceLast({ ...last, text: last.text + part.text });
      } else content.push({ type: 'reasoning', text: part.text });
      return;
    case 'reasoning-seal':
      if (last?.type === 'reasoning' && last.redacted === undefined) replaceLast({ ...last, redacted: part.redacted });
      else content.push({ type: 'reasoning', text: '', redacted: part.redacted });
      return;
    case 'tool-call-start':
      content.push({ type: 'tool-call', id: part.id, name: part.name, arguments: '' });
      return;
    case 'tool-call-delta':
      if (last?.type === 'tool-call') replaceLast({ ...last, arguments: part.arguments });
      return;
    case 'start':
    case 'finish':
    case 'usage':
    case 'end':
  }
}
