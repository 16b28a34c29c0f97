/** The wire languages that callers and providers speak. */
export const DIALECTS = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'] as const;
export type Dialect = (typeof DIALECTS)[number];
