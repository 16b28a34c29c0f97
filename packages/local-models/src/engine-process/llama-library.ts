/**
 * What we use of node-llama-cpp 3.22. Its own types are not imported: the package is optional, and everything else has to be
 * built without it.
 */
export interface LlamaLibrary {
  getLlama(options: {
    readonly gpu: false | 'auto' | 'metal' | 'cuda' | 'vulkan';
    readonly build: 'never';
    readonly skipDownload: true;
    readonly progressLogs: false;
    readonly logLevel: 'error';
    readonly maxThreads: number;
  }): Promise<Llama>;
  readonly LlamaChat: new (options: { readonly contextSequence: LlamaSequence }) => LlamaChat;
}

export interface Llama {
  loadModel(options: { readonly modelPath: string }): Promise<LlamaModel>;
  getGrammarFor(type: 'json'): Promise<LlamaGrammar>;
  createGrammarForJsonSchema(schema: object): Promise<LlamaGrammar>;
}

export interface LlamaModel {
  readonly tokenizer: unknown;
  createContext(options: {
    readonly contextSize: number;
    readonly sequences: number;
    readonly threads: number;
  }): Promise<{ getSequence(): LlamaSequence }>;
}

export interface LlamaSequence {
  /** Counts what was computed, as it goes on. */
  readonly tokenMeter: { readonly usedOutputTokens: number };
}

declare const GRAMMAR: unique symbol;
export interface LlamaGrammar {
  readonly [GRAMMAR]: never;
}

export type HistoryItem =
  | { readonly type: 'system' | 'user'; readonly text: string }
  | { readonly type: 'model'; readonly response: readonly string[] };

export interface LlamaChat {
  readonly sequence: LlamaSequence;
  readonly chatWrapper: {
    generateContextState(options: { readonly chatHistory: readonly HistoryItem[] }): {
      readonly contextText: { tokenize(tokenizer: unknown): readonly number[] };
    };
  };
  generateResponse(history: readonly HistoryItem[], options: GenerateOptions): Promise<GeneratedResponse>;
}

export interface GenerateOptions {
  readonly onResponseChunk: (chunk: { readonly type: 'segment' | undefined; readonly text: string }) => void;
  readonly signal: AbortSignal;
  readonly stopOnAbortSignal: true;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly seed?: number;
  readonly repeatPenalty?: false | { readonly penalty: number };
  readonly customStopTriggers?: readonly string[];
  readonly grammar?: LlamaGrammar;
  readonly contextShift: { readonly size: number; readonly strategy: () => never };
}

export interface GeneratedResponse {
  readonly metadata: {
    readonly stopReason:
      | 'eogToken'
      | 'stopGenerationTrigger'
      | 'customStopTrigger'
      | 'maxTokens'
      | 'abort'
      | 'functionCalls';
  };
}
