import type { AssistantMessage, ChatAnswer, Usage } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { ProviderError } from '../../failure.js';
import { nestsWithin, parseJson, readCount, readObject, readText } from '../../read-json.js';
import type { WholeAnswer } from '../../wire.js';
import { parseExact } from './exact-json.js';
import { fromErrorObject } from './from-error.js';
import { fromStopReason } from './map-stop-reason.js';
import { fromUsage, mergeUsage, noUsage } from './map-usage.js';
import { DEEPEST_JSON } from './to-schema.js';

type AnswerPart = AssistantMessage['content'][number];

/**
 * A whole message.
 * @throws ProviderError `not-an-answer`, or what the error object in the body says
 */
export function fromAnswer(body: Buffer): WholeAnswer {
  const message = readObject(parseJson(body.toString('utf8')));
  if (message?.['type'] === 'error') throw fromErrorObject(message);
  const content = message?.['content'];
  if (message === undefined || !Array.isArray(content)) {
    throw new ProviderError('not-an-answer', 'The provider’s answer is no message.');
  }
  const blocks = content.map(readObject).filter((block) => block !== undefined);
  if (!blocks.every((block) => nestsWithin(block['input'], DEEPEST_JSON))) {
    throw new ProviderError('not-an-answer', 'The arguments of a tool call nest too deep.');
  }
  const usage = readUsage(message);
  return { bytes: body, usage, answer: () => toAnswer(message, blocks, usage, body) };
}

/** The number of `POST /messages/count_tokens`. */
export function fromCountAnswer(body: Buffer): number {
  const count = readCount(readObject(parseJson(body.toString('utf8')))?.['input_tokens']);
  if (count === undefined) throw new ProviderError('not-an-answer', 'The provider’s answer holds no count of tokens.');
  return count;
}

function readUsage(message: JsonObject): Usage | undefined {
  const counts = noUsage();
  mergeUsage(counts, message['usage']);
  return fromUsage(counts);
}

function toAnswer(
  message: JsonObject,
  blocks: readonly JsonObject[],
  usage: Usage | undefined,
  body: Buffer,
): ChatAnswer {
  const content = exactBlocks(blocks, body).flatMap(readBlock);
  const stopReason = readText(message['stop_reason']);
  const hasCalls = content.some((part) => part.type === 'tool-call');
  return {
    id: readText(message['id']),
    model: readText(message['model']),
    content,
    finishReason: stopReason === undefined ? (hasCalls ? 'tool-calls' : 'stop') : fromStopReason(stopReason),
    usage,
  };
}

/** Read again with exact numbers where there are arguments; the first reading is the fast one. */
function exactBlocks(blocks: readonly JsonObject[], body: Buffer): readonly JsonObject[] {
  if (!blocks.some((block) => block['type'] === 'tool_use')) return blocks;
  const content = readObject(parseExact(body.toString('utf8')))?.['content'];
  return Array.isArray(content) ? content.map(readObject).filter((block) => block !== undefined) : blocks;
}

/** Blocks without a word in ours (server tools and their results) say nothing. */
function readBlock(block: JsonObject, index: number): AnswerPart[] {
  switch (block['type']) {
    case 'text': {
      const text = readText(block['text']);
      return text === undefined ? [] : [{ type: 'text', text }];
    }
    case 'thinking': {
      const text = readText(block['thinking']) ?? '';
      const signature = readText(block['signature']);
      return text === '' && signature === undefined ? [] : [{ type: 'reasoning', text, signature }];
    }
    case 'redacted_thinking': {
      const redacted = readText(block['data']);
      return redacted === undefined ? [] : [{ type: 'reasoning', text: '', redacted }];
    }
    case 'tool_use':
      return [
        {
          type: 'tool-call',
          id: readText(block['id']) ?? `toolu_${index}`,
          name: readText(block['name']) ?? '',
          arguments: JSON.stringify(readObject(block['input']) ?? {}),
        },
      ];
    default:
      return [];
  }
}
