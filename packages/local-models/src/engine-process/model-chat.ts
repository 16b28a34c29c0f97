import type { ChatOrder, EngineReport } from '../engine/engine-protocol.js';
import type {
  GeneratedResponse,
  GenerateOptions,
  HistoryItem,
  Llama,
  LlamaChat,
  LlamaGrammar,
  LlamaModel,
} from './llama-library.js';

/** Free tokens that the library wants at the end of a context. */
const SPARE_TOKENS = 8;
/** What a caller who says nothing of it gets. */
const TEMPERATURE = 0.7;

export interface ModelChatOptions {
  readonly llama: Llama;
  readonly model: LlamaModel;
  /** One for each conversation at the same time. */
  readonly chats: LlamaChat[];
  readonly context: number;
  readonly report: (report: EngineReport) => void;
}

class ContextFull extends Error {}

/** Answers with one of the free conversations; whoever orders keeps to their number. */
export function createModelChat({ llama, model, chats, context, report }: ModelChatOptions) {
  const free = [...chats];

  async function run(id: number, order: ChatOrder, signal: AbortSignal): Promise<void> {
    const chat = free.pop();
    if (chat === undefined) {
      report({ type: 'refused', id, code: 'upstream_error', message: 'Every conversation of the engine is in use.' });
      return;
    }
    try {
      await answer(chat, id, order, signal);
    } catch (error) {
      report({
        type: 'refused',
        id,
        code: 'upstream_error',
        message: error instanceof Error ? error.message : String(error),
      });
    } finally {
      free.push(chat);
    }
  }

  async function answer(chat: LlamaChat, id: number, order: ChatOrder, signal: AbortSignal): Promise<void> {
    const history = toHistory(order);
    const { contextText } = chat.chatWrapper.generateContextState({ chatHistory: history });
    const inputTokens = contextText.tokenize(model.tokenizer).length;
    const room = context - inputTokens - SPARE_TOKENS;
    if (room < 1) {
      const message = `The conversation has ${inputTokens} tokens; this model's context holds ${context} with the answer.`;
      report({ type: 'refused', id, code: 'context_length_exceeded', message });
      return;
    }
    let grammar: LlamaGrammar | undefined;
    try {
      grammar = await grammarOf(order.format);
    } catch {
      const message = 'The JSON schema has something that this engine can not enforce.';
      report({ type: 'refused', id, code: 'invalid_request', message });
      return;
    }
    const { tokenMeter } = chat.sequence;
    const before = tokenMeter.usedOutputTokens;
    const end = (reason: 'stop' | 'length' | 'cancelled'): void => {
      const outputTokens = tokenMeter.usedOutputTokens - before;
      report({ type: 'ended', id, end: reason, inputTokens, outputTokens });
    };
    try {
      const response = await chat.generateResponse(
        history,
        generateOptions({
          order,
          grammar,
          signal,
          maxTokens: Math.min(order.maxTokens ?? room, room),
          onResponseChunk: ({ type, text }) => {
            if (text !== '') report({ type: 'text', id, text, reasoning: type === 'segment' });
          },
        }),
      );
      end(signal.aborted ? 'cancelled' : endOf(response));
    } catch (error) {
      if (signal.aborted) end('cancelled');
      else if (error instanceof ContextFull) end('length');
      else throw error;
    }
  }

  async function grammarOf(format: ChatOrder['format']): Promise<LlamaGrammar | undefined> {
    if (format === 'text') return undefined;
    return format === 'json' ? llama.getGrammarFor('json') : llama.createGrammarForJsonSchema(format.schema);
  }

  return { run };
}

function toHistory({ messages }: ChatOrder): readonly HistoryItem[] {
  const history = messages.map(
    ({ role, text }): HistoryItem =>
      role === 'assistant' ? { type: 'model', response: [text] } : { type: role, text },
  );
  return messages.at(-1)?.role === 'assistant' ? history : [...history, { type: 'model', response: [] }];
}

function generateOptions(options: {
  readonly order: ChatOrder;
  readonly grammar: LlamaGrammar | undefined;
  readonly signal: AbortSignal;
  readonly maxTokens: number;
  readonly onResponseChunk: GenerateOptions['onResponseChunk'];
}): GenerateOptions {
  const { order, grammar, signal, maxTokens, onResponseChunk } = options;
  return {
    onResponseChunk,
    signal,
    stopOnAbortSignal: true,
    maxTokens,
    temperature: order.temperature ?? TEMPERATURE,
    ...(order.topP === undefined ? {} : { topP: order.topP }),
    ...(order.topK === undefined ? {} : { topK: order.topK }),
    ...(order.minP === undefined ? {} : { minP: order.minP }),
    ...(order.seed === undefined ? {} : { seed: order.seed }),
    repeatPenalty: order.repeatPenalty === undefined ? false : { penalty: order.repeatPenalty },
    ...(order.stop.length === 0 ? {} : { customStopTriggers: order.stop }),
    ...(grammar === undefined ? {} : { grammar }),
    contextShift: {
      size: 1,
      // The library would leave out the beginning of the conversation, and nobody would know.
      strategy: () => {
        throw new ContextFull();
      },
    },
  };
}

function endOf({ metadata }: GeneratedResponse): 'stop' | 'length' | 'cancelled' {
  if (metadata.stopReason === 'maxTokens') return 'length';
  return metadata.stopReason === 'abort' ? 'cancelled' : 'stop';
}
