import type { FinishReason, Usage } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import type {
  AnswerEnd,
  ContentPart,
  DialectEmitter,
  EmitContext,
  EmittedError,
  EventWriter,
  Turn,
} from '../../demo/emitter.js';
import { brokenJson, eventText } from '../../demo/event-text.js';
import { contentText } from '../../demo/openai-chat-emitter.js';
import { argumentsObject, toBlocks } from './answer-blocks.js';

const STOP_REASONS: Record<FinishReason, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
  refusal: 'refusal',
  other: 'pause_turn',
};

const ERROR_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** Anthropic messages as the provider speaks it, streamed and whole. */
export const anthropicMessagesEmitter: DialectEmitter = {
  dialect: 'anthropic-messages',
  keepAlive: say({ type: 'ping' }),
  createEventWriter,
  answer,
  error: errorBody,
  turns,
};

function say(event: JsonObject): string {
  return eventText(JSON.stringify(event), String(event['type']));
}

type Call = Extract<ContentPart, { readonly type: 'tool-call-start' | 'tool-call-delta' }>;

/** Blocks come one after the other: parallel tool calls after the first wait until it is over. */
function createEventWriter(context: EmitContext): EventWriter {
  let index = -1;
  let open: string | undefined;
  const waiting = new Map<number, Call[]>();

  const close = () => (open === undefined ? '' : say({ type: 'content_block_stop', index }));
  const start = (key: string, block: JsonObject) => {
    const events = close();
    open = key;
    index += 1;
    return events + say({ type: 'content_block_start', index, content_block: block });
  };
  const delta = (value: JsonObject) => say({ type: 'content_block_delta', index, delta: value });
  const within = (key: string, block: JsonObject) => (open === key ? '' : start(key, block));

  const call = (part: Call): string => {
    if (part.type === 'tool-call-delta') return delta({ type: 'input_json_delta', partial_json: part.arguments });
    return start(`tool ${part.index}`, { type: 'tool_use', id: part.id, name: part.name, input: {} });
  };
  const content = (part: ContentPart): string => {
    switch (part.type) {
      case 'text-delta':
      case 'refusal-delta':
        return within('text', { type: 'text', text: '' }) + delta({ type: 'text_delta', text: part.text });
      case 'reasoning-delta':
        return (
          within('thinking', { type: 'thinking', thinking: '', signature: '' }) +
          delta({ type: 'thinking_delta', thinking: part.text })
        );
      case 'reasoning-seal': {
        if (part.redacted !== undefined) return start('redacted', { type: 'redacted_thinking', data: part.redacted });
        const opened = within('thinking', { type: 'thinking', thinking: '', signature: '' });
        const sealed = opened + delta({ type: 'signature_delta', signature: part.signature });
        open = 'sealed thinking';
        return sealed;
      }
      case 'tool-call-start':
      case 'tool-call-delta': {
        const busy = open?.startsWith('tool ') === true && open !== `tool ${part.index}`;
        if (!busy && !waiting.has(part.index)) return call(part);
        waiting.set(part.index, [...(waiting.get(part.index) ?? []), part]);
        return '';
      }
    }
  };
  return {
    start: () => say({ type: 'message_start', message: { ...messageShell(context), usage: startUsage(context) } }),
    content,
    finish: (end) => {
      const late = [...waiting.values()].flat().map(call).join('');
      const closed = late + close();
      open = undefined;
      return (
        closed +
        say({
          type: 'message_delta',
          delta: { stop_reason: end.nativeReason ?? STOP_REASONS[end.reason], stop_sequence: null },
          usage: end.usage === undefined ? { output_tokens: 0 } : toUsage(end.usage),
        })
      );
    },
    end: () => say({ type: 'message_stop' }),
    malformed: () => {
      const event = { type: 'content_block_delta', index, delta: { type: 'text_delta', text: ' broken' } };
      return eventText(brokenJson(event), 'content_block_delta');
    },
    error: (error) => say(errorBody(error)),
  };
}

function messageShell(context: EmitContext): JsonObject {
  return {
    id: context.id,
    type: 'message',
    role: 'assistant',
    model: context.model,
    ...context.extra,
    content: [],
    stop_reason: null,
    stop_sequence: null,
  };
}

function startUsage(context: EmitContext): JsonObject {
  return toUsage({ inputTokens: context.inputTokens, outputTokens: 1, source: 'provider' });
}

/** Anthropic counts cached tokens apart from `input_tokens`. */
function toUsage(usage: Usage): JsonObject {
  const cached = usage.cachedInputTokens ?? 0;
  const written = usage.cacheWriteTokens ?? 0;
  return {
    input_tokens: usage.inputTokens - cached - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
    output_tokens: usage.outputTokens,
  };
}

function answer(context: EmitContext, parts: readonly ContentPart[], end: AnswerEnd): JsonObject {
  return {
    ...messageShell(context),
    content: toBlocks(parts).map((block): JsonObject => {
      switch (block.type) {
        case 'text':
        case 'refusal':
          return { type: 'text', text: block.text };
        case 'reasoning':
          return block.redacted === undefined
            ? { type: 'thinking', thinking: block.text, signature: block.signature ?? '' }
            : { type: 'redacted_thinking', data: block.redacted };
        case 'tool-call':
          return { type: 'tool_use', id: block.id, name: block.name, input: argumentsObject(block.arguments) };
      }
    }),
    stop_reason: end.nativeReason ?? STOP_REASONS[end.reason],
    ...(end.usage === undefined ? {} : { usage: toUsage(end.usage) }),
  };
}

function errorBody(error: EmittedError): JsonObject {
  const type = ERROR_TYPES[error.status] ?? (error.status >= 500 ? 'api_error' : 'invalid_request_error');
  return {
    type: 'error',
    error: { type: error.type ?? error.code ?? type, message: error.message },
    request_id: 'req_scripted',
  };
}

function turns(body: JsonObject): readonly Turn[] {
  const system = contentText(body['system']);
  const messages: readonly unknown[] = Array.isArray(body['messages']) ? body['messages'] : [];
  return [
    ...(system === '' ? [] : [{ role: 'system', text: system } as const]),
    ...messages.flatMap((message): Turn[] => {
      if (typeof message !== 'object' || message === null) return [];
      const { role, content } = message as JsonObject;
      if (role === 'assistant') return [{ role, text: contentText(content) }];
      const first: unknown = Array.isArray(content) ? content[0] : undefined;
      const isResult = typeof first === 'object' && first !== null && (first as JsonObject)['type'] === 'tool_result';
      return isResult
        ? [{ role: 'tool', text: contentText((first as JsonObject)['content']) }]
        : [{ role: 'user', text: contentText(content) }];
    }),
  ];
}
