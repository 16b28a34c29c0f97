/** The APIs that we speak. */
export const PROVIDER_KINDS = ['openai', 'anthropic', 'gemini', 'openai-compatible', 'demo'] as const;

export type ProviderKind = (typeof PROVIDER_KINDS)[number];

/** Providers that need no `kind` and no `base_url` in the file, with the API they speak. */
export const BUILTIN_PROVIDERS = {
  openai: 'openai',
  anthropic: 'anthropic',
  gemini: 'gemini',
  ollama: 'openai-compatible',
  lmstudio: 'openai-compatible',
  vllm: 'openai-compatible',
  llamacpp: 'openai-compatible',
  demo: 'demo',
} as const satisfies Record<string, ProviderKind>;

export type BuiltinProvider = keyof typeof BUILTIN_PROVIDERS;

export function isBuiltinProvider(name: string): name is BuiltinProvider {
  return Object.hasOwn(BUILTIN_PROVIDERS, name);
}

/** The provider of the models that MoltBot runs itself: `local:NAME`. */
export const LOCAL_PROVIDER = 'local';
