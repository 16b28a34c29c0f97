import type { AssistantMessage, ChatAnswer, FinishReason, StreamPart } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { ProviderError } from '../../failure.js';
import { parseJson, readList, readObject, readText } from '../../read-json.js';
import type { WholeAnswer } from '../../wire.js';
import { CallDeltas } from './call-deltas.js';
import { readSaidText } from './from-content.js';
import { errorOf, toProviderError } from './from-error.js';
import { fromFinishReason, isBrokenOff } from './from-finish-reason.js';
import { fromUsage } from './from-usage.js';

/**
 * A whole `chat.completion`. In our words it is the first choice.
 * @throws ProviderError `not-an-answer`, or what the error object in a 200 says
 */
export function fromAnswer(body: Buffer): WholeAnswer {
  const value = readObject(parseJson(body.toString('utf8')));
  const error = errorOf(value);
  if (error !== undefined) throw toProviderError(error, { status: 200 });
  const choice = firstChoice(readList(value?.['choices']));
  const message = readObject(choice?.['message']);
  if (value === undefined || choice === undefined || message === undefined) {
    throw new ProviderError('not-an-answer', 'The response is no chat completion.');
  }
  const usage = fromUsage(value['usage']);
  return {
    bytes: body,
    usage,
    answer: () => toChatAnswer(value, choice, message, usage),
  };
}

/** Choices may come in any order. @throws ProviderError where one of them broke off */
function firstChoice(choices: readonly unknown[]): JsonObject | undefined {
  let first: JsonObject | undefined;
  for (const item of choices) {
    const choice = readObject(item);
    const reason = choice?.['finish_reason'];
    if (typeof reason === 'string' && isBrokenOff(reason)) throw toProviderError(errorOf(choice), { status: 200 });
    if (first === undefined || choice?.['index'] === 0) first = choice ?? first;
  }
  return first;
}

function toChatAnswer(
  value: JsonObject,
  choice: JsonObject,
  message: JsonObject,
  usage: ChatAnswer['usage'],
): ChatAnswer {
  const id = readText(value['id']);
  const content: AssistantMessage['content'][number][] = [];
  const { text, reasoning } = readSaidText(message);
  if (reasoning !== '') content.push({ type: 'reasoning', text: reasoning });
  if (text !== '') content.push({ type: 'text', text });
  const refusal = readText(message['refusal']);
  if (refusal !== undefined) content.push({ type: 'refusal', text: refusal });
  content.push(...readCalls(message, id?.slice(-32) ?? ''));
  return {
    id,
    model: readText(value['model']),
    content,
    finishReason: finishReasonOf(choice['finish_reason'], refusal !== undefined),
    usage,
  };
}

/** Whole calls are deltas that came at once: the same oddities, read by the same rules. */
function readCalls(
  message: JsonObject,
  answerId: string,
): Extract<AssistantMessage['content'][number], { type: 'tool-call' }>[] {
  const parts: StreamPart[] = [];
  const deltas = new CallDeltas(0);
  const { tool_calls: calls, function_call: call } = message;
  for (const item of readList(calls)) {
    // A whole call stands for itself: its index, where it has one, says nothing.
    const { index: _index, ...rest } = readObject(item) ?? {};
    deltas.read([rest], answerId, parts);
  }
  if (!Array.isArray(calls) && readObject(call) !== undefined) deltas.read([{ function: call }], answerId, parts);
  deltas.finish(answerId, parts);
  return parts.flatMap((part) => {
    if (part.type !== 'tool-call-start') return [];
    const argued = parts.find((other) => other.type === 'tool-call-delta' && other.index === part.index);
    const text = argued?.type === 'tool-call-delta' ? argued.arguments : '';
    const { id, name, signature } = part;
    return [{ type: 'tool-call', id, name, arguments: text, ...(signature === undefined ? {} : { signature }) }];
  });
}

function finishReasonOf(reason: unknown, refused: boolean): FinishReason {
  const read = typeof reason === 'string' && reason !== '' ? fromFinishReason(reason) : 'other';
  return read === 'stop' && refused ? 'refusal' : read;
}
