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
import { brokenJson, COMMENT_KEEP_ALIVE, eventText } from '../../demo/event-text.js';
import { contentText } from '../../demo/openai-chat-emitter.js';
import { type AnswerBlock, argumentsObject, toBlocks } from './answer-blocks.js';

const FINISH_REASONS: Record<FinishReason, string> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  'tool-calls': 'STOP',
  'content-filter': 'SAFETY',
  refusal: 'STOP',
  other: 'OTHER',
};

/** google.rpc.Code names by HTTP status; others are none of Google's and say only their number. */
const ERROR_STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** Gemini's generateContent as the provider speaks it, streamed (`alt=sse`) and whole. It has no end marker. */
export const geminiEmitter: DialectEmitter = {
  dialect: 'gemini',
  keepAlive: COMMENT_KEEP_ALIVE,
  createEventWriter,
  answer,
  error: errorBody,
  turns,
};

/** Function calls are never streamed in pieces: they wait for the end of the answer, or for other content. */
function createEventWriter(context: EmitContext): EventWriter {
  let calls: ContentPart[] = [];
  const say = (value: JsonObject) => eventText(JSON.stringify(value));
  const chunk = (parts: readonly JsonObject[], rest: JsonObject = {}): JsonObject => ({
    candidates: [{ content: { parts, role: 'model' }, index: 0, ...rest }],
    modelVersion: context.model,
    responseId: context.id,
    ...context.extra,
  });
  const takeCalls = () => {
    const parts = toBlocks(calls).map(toPart);
    calls = [];
    return parts.length === 0 ? '' : say(chunk(parts));
  };
  return {
    start: () => '',
    content: (part) => {
      if (part.type === 'tool-call-start' || part.type === 'tool-call-delta') {
        calls.push(part);
        return '';
      }
      return takeCalls() + say(chunk(toBlocks([part]).map(toPart)));
    },
    finish: (end) =>
      takeCalls() +
      say({
        ...chunk([{ text: '' }], { finishReason: end.nativeReason ?? FINISH_REASONS[end.reason] }),
        ...(end.usage === undefined ? {} : { usageMetadata: toUsage(end.usage) }),
      }),
    end: () => '',
    malformed: () => eventText(brokenJson(chunk([{ text: ' broken' }]))),
    error: (error) => say(errorBody(error)),
  };
}

function toPart(block: AnswerBlock): JsonObject {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return { text: block.text };
    case 'reasoning':
      return block.text === '' && block.signature !== undefined
        ? { text: '', thoughtSignature: block.signature }
        : { text: block.text, thought: true };
    case 'tool-call':
      return {
        functionCall: { id: block.id, name: block.name, args: argumentsObject(block.arguments) },
        ...(block.signature === undefined ? {} : { thoughtSignature: block.signature }),
      };
  }
}

/** Gemini counts thoughts apart from the candidates. */
function toUsage(usage: Usage): JsonObject {
  const thoughts = usage.reasoningTokens ?? 0;
  return {
    promptTokenCount: usage.inputTokens,
    candidatesTokenCount: usage.outputTokens - thoughts,
    totalTokenCount: usage.inputTokens + usage.outputTokens,
    ...(usage.cachedInputTokens === undefined ? {} : { cachedContentTokenCount: usage.cachedInputTokens }),
    ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
  };
}

function answer(context: EmitContext, parts: readonly ContentPart[], end: AnswerEnd): JsonObject {
  return {
    candidates: [
      {
        content: { parts: toBlocks(parts).map(toPart), role: 'model' },
        finishReason: end.nativeReason ?? FINISH_REASONS[end.reason],
        index: 0,
      },
    ],
    ...(end.usage === undefined ? {} : { usageMetadata: toUsage(end.usage) }),
    modelVersion: context.model,
    responseId: context.id,
    ...context.extra,
  };
}

function errorBody(error: EmittedError): JsonObject {
  const status = error.code ?? error.type ?? ERROR_STATUS[error.status];
  return { error: { code: error.status, message: error.message, ...(status === undefined ? {} : { status }) } };
}

function turns(body: JsonObject): readonly Turn[] {
  const system = (body['systemInstruction'] ?? body['system_instruction']) as JsonObject | null | undefined;
  const systemText = contentText(system?.['parts']);
  const contents: readonly unknown[] = Array.isArray(body['contents']) ? body['contents'] : [];
  return [
    ...(systemText === '' ? [] : [{ role: 'system', text: systemText } as const]),
    ...contents.flatMap((content): Turn[] => {
      if (typeof content !== 'object' || content === null) return [];
      const { parts, role } = content as JsonObject;
      const first: unknown = Array.isArray(parts) ? parts[0] : undefined;
      const isResult = typeof first === 'object' && first !== null && 'functionResponse' in first;
      const text = contentText(parts);
      if (isResult) return [{ role: 'tool', text: JSON.stringify(first.functionResponse) }];
      return [{ role: role === 'model' ? 'assistant' : 'user', text }];
    }),
  ];
}
