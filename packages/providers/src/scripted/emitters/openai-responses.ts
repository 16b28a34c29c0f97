import type { FinishReason, Usage } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import type { AnswerEnd, ContentPart, DialectEmitter, EmitContext, EventWriter, Turn } from '../../demo/emitter.js';
import { brokenJson, COMMENT_KEEP_ALIVE, eventText } from '../../demo/event-text.js';
import { contentText, openAiChatEmitter } from '../../demo/openai-chat-emitter.js';
import { toBlocks } from './answer-blocks.js';
import {
  addedEvents,
  deltaEvents,
  doneEvents,
  itemId,
  itemKey,
  type OpenItem,
  toItems,
} from './openai-responses-items.js';

const INCOMPLETE_REASONS: Partial<Record<FinishReason, string>> = {
  length: 'max_output_tokens',
  'content-filter': 'content_filter',
};

/** OpenAI responses as the provider speaks it, streamed and whole. */
export const openAiResponsesEmitter: DialectEmitter = {
  dialect: 'openai-responses',
  keepAlive: COMMENT_KEEP_ALIVE,
  createEventWriter,
  answer,
  error: (error) => openAiChatEmitter.error(error),
  turns,
};

function createEventWriter(context: EmitContext): EventWriter {
  let sequence = 0;
  const parts: ContentPart[] = [];
  const items = new Map<string, OpenItem>();
  let ending: AnswerEnd = { reason: 'stop', usage: undefined };

  const say = (event: JsonObject) => {
    const text = eventText(JSON.stringify({ ...event, sequence_number: sequence }), String(event['type']));
    sequence += 1;
    return text;
  };
  const sayAll = (events: readonly JsonObject[]) => events.map(say).join('');
  /** Only tool calls run side by side; other items end where the next begins. */
  const closeOpen = (key: string) =>
    [...items.values()]
      .filter((item) => item.open && item.key !== key && !(item.key.startsWith('call') && key.startsWith('call')))
      .map((item) => {
        item.open = false;
        return sayAll(doneEvents(item));
      })
      .join('');

  return {
    start: () => {
      const response = shell(context, 'in_progress');
      return say({ type: 'response.created', response }) + say({ type: 'response.in_progress', response });
    },
    content: (part) => {
      parts.push(part);
      const key = itemKey(part);
      const closed = closeOpen(key);
      let item = items.get(key);
      let added = '';
      if (item === undefined) {
        item = { key, index: items.size, id: itemId(items.size, context.id), open: true, parts: [] };
        items.set(key, item);
        added = sayAll(addedEvents(item, part));
      }
      item.parts.push(part);
      return closed + added + sayAll(deltaEvents(item, part));
    },
    finish: (end) => {
      ending = end;
      return closeOpen('');
    },
    end: () => {
      const response = completed(context, parts, ending);
      return say({ type: `response.${String(response['status'])}`, response });
    },
    malformed: () => {
      const type = 'response.output_text.delta';
      return eventText(brokenJson({ type, item_id: 'msg', output_index: 0, delta: ' broken' }), type);
    },
    error: (error) => {
      if (error.type !== 'response.failed') {
        const { code = 'server_error', message, param = null } = error;
        return say({ type: 'error', code, message, param });
      }
      const failure = { code: error.code ?? 'server_error', message: error.message };
      return say({ type: 'response.failed', response: { ...shell(context, 'failed'), error: failure } });
    },
  };
}

function shell(context: EmitContext, status: string): JsonObject {
  return {
    id: context.id,
    object: 'response',
    created_at: context.created,
    status,
    ...context.extra,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: context.model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    store: false,
    tool_choice: 'auto',
    tools: [],
    truncation: 'disabled',
    usage: null,
    metadata: {},
  };
}

function completed(context: EmitContext, parts: readonly ContentPart[], end: AnswerEnd): JsonObject {
  const reason = end.nativeReason ?? INCOMPLETE_REASONS[end.reason];
  return {
    ...shell(context, reason === undefined ? 'completed' : 'incomplete'),
    incomplete_details: reason === undefined ? null : { reason },
    output: toItems(toBlocks(parts), context.id),
    usage: end.usage === undefined ? null : toUsage(end.usage),
  };
}

function answer(context: EmitContext, parts: readonly ContentPart[], end: AnswerEnd): JsonObject {
  return completed(context, parts, end);
}

function toUsage(usage: Usage): JsonObject {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function turns(body: JsonObject): readonly Turn[] {
  const { input, instructions } = body;
  const system: Turn[] =
    typeof instructions === 'string' && instructions !== '' ? [{ role: 'system', text: instructions }] : [];
  if (typeof input === 'string') return [...system, { role: 'user', text: input }];
  const items: readonly unknown[] = Array.isArray(input) ? input : [];
  return [
    ...system,
    ...items.flatMap((item): Turn[] => {
      if (typeof item !== 'object' || item === null) return [];
      const { content, output, role, type } = item as JsonObject;
      if (type === 'function_call_output') return [{ role: 'tool', text: contentText(output) }];
      if (role === 'user' || role === 'assistant') return [{ role, text: contentText(content) }];
      return role === 'system' || role === 'developer' ? [{ role: 'system', text: contentText(content) }] : [];
    }),
  ];
}
