import type { Dialect } from '@moltbot/contracts';

export type UpstreamOperation = 'chat' | 'embeddings' | 'count-tokens';

export interface UpstreamRoute {
  readonly dialect: Dialect;
  readonly operation: UpstreamOperation;
  /** Where the path names it (Gemini). */
  readonly model: string | undefined;
  /** Where the path says it (Gemini). */
  readonly streams: boolean;
}

const ROUTES: readonly (readonly [pattern: RegExp, dialect: Dialect, operation: UpstreamOperation])[] = [
  [/\/chat\/completions$/, 'openai-chat', 'chat'],
  [/\/embeddings$/, 'openai-chat', 'embeddings'],
  [/\/responses$/, 'openai-responses', 'chat'],
  [/\/messages\/count_tokens$/, 'anthropic-messages', 'count-tokens'],
  [/\/messages$/, 'anthropic-messages', 'chat'],
  [/\/models\/([^/]+):(?:stream)?[gG]enerateContent$/, 'gemini', 'chat'],
  [/\/models\/([^/]+):batchEmbedContents$/, 'gemini', 'embeddings'],
  [/\/models\/([^/]+):countTokens$/, 'gemini', 'count-tokens'],
];

/** What a request's path asks for, whatever its base path is. */
export function upstreamRoute(path: string): UpstreamRoute | undefined {
  for (const [pattern, dialect, operation] of ROUTES) {
    const match = pattern.exec(path);
    if (match !== null) {
      const model = match[1] === undefined ? undefined : decodeURIComponent(match[1]);
      return { dialect, operation, model, streams: path.endsWith(':streamGenerateContent') };
    }
  }
  return undefined;
}
