import type { ProviderModelSettings, ProviderSettings } from '@moltbot/config';
import {
  BUILTIN_PROVIDERS,
  type BuiltinProvider,
  isBuiltinProvider,
  LOCAL_PROVIDER,
  MoltbotError,
  type ProviderKind,
} from '@moltbot/contracts';
import { modelRules } from './dialects/anthropic-messages/model-rules.js';
import { anthropicCountTokensWire, anthropicMessagesWire } from './dialects/anthropic-messages/wire.js';
import { geminiCountTokensWire } from './dialects/gemini/count-tokens.js';
import { geminiEmbeddingsWire } from './dialects/gemini/embeddings.js';
import { geminiWire } from './dialects/gemini/wire.js';
import { openAiEmbeddingsWire } from './dialects/openai-chat/embeddings.js';
import { createOpenAiChatWire } from './dialects/openai-chat/wire.js';
import { openAiResponsesWire } from './dialects/openai-responses/wire.js';
import type { Capabilities, Model, Price, Provider } from './target.js';
import type { ChatWire, CountTokensWire, EmbeddingsWire } from './wire.js';

type AuthHeader = NonNullable<ProviderSettings['auth_header']>;

/** What providers of a kind have in common. */
interface KindRow {
  /** By the API that the settings name. */
  readonly chat: Readonly<Record<ProviderSettings['api'], ChatWire>>;
  readonly embeddings: EmbeddingsWire | undefined;
  readonly countTokens: CountTokensWire | undefined;
  readonly authHeader: AuthHeader;
  readonly requiresCredential: boolean;
  /** Whether models are trained there with OpenAI's files and fine-tuning API. */
  readonly fineTuning: boolean;
  /** Whether a model continues an assistant message, by the name that the provider knows it by, where nothing is configured. */
  readonly prefill: (upstreamName: string) => boolean;
}

const never = (): boolean => false;
const always = (): boolean => true;

const openAiChat = createOpenAiChatWire({ compatible: false });
const compatibleChat = createOpenAiChatWire({ compatible: true });

const KINDS: Readonly<Record<ProviderKind, KindRow>> = {
  openai: {
    chat: { chat: openAiChat, responses: openAiResponsesWire },
    embeddings: openAiEmbeddingsWire,
    countTokens: undefined,
    authHeader: 'bearer',
    requiresCredential: true,
    fineTuning: true,
    prefill: never,
  },
  anthropic: {
    chat: { chat: anthropicMessagesWire, responses: anthropicMessagesWire },
    embeddings: undefined,
    countTokens: anthropicCountTokensWire,
    authHeader: 'x-api-key',
    requiresCredential: true,
    fineTuning: false,
    // Newer models of Anthropic refuse one.
    prefill: (upstreamName) => modelRules(upstreamName).prefill,
  },
  gemini: {
    chat: { chat: geminiWire, responses: geminiWire },
    embeddings: geminiEmbeddingsWire,
    countTokens: geminiCountTokensWire,
    authHeader: 'x-goog-api-key',
    requiresCredential: true,
    fineTuning: false,
    prefill: never,
  },
  'openai-compatible': {
    chat: { chat: compatibleChat, responses: openAiResponsesWire },
    embeddings: openAiEmbeddingsWire,
    countTokens: undefined,
    authHeader: 'bearer',
    // Servers of one's own need none; where one is in auth.json it is sent.
    requiresCredential: false,
    fineTuning: true,
    prefill: never,
  },
  demo: {
    chat: { chat: compatibleChat, responses: compatibleChat },
    embeddings: openAiEmbeddingsWire,
    countTokens: undefined,
    authHeader: 'bearer',
    requiresCredential: false,
    fineTuning: true,
    prefill: always,
  },
};

/** Where the vendors are; local servers on their own usual ports. The demo model's address is known only once it runs. */
export const VENDOR_ADDRESSES: Readonly<Partial<Record<BuiltinProvider, string>>> = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
  gemini: 'https://generativelanguage.googleapis.com/v1beta',
  ollama: 'http://127.0.0.1:11434/v1',
  lmstudio: 'http://127.0.0.1:1234/v1',
  vllm: 'http://127.0.0.1:8000/v1',
  // Its own usual port is 8080, which is ours: `llama-server --port 8081`, or another `base_url`.
  llamacpp: 'http://127.0.0.1:8081/v1',
};

const AUTH_HEADERS: Readonly<Record<AuthHeader, (token: string) => Readonly<Record<string, string>>>> = {
  bearer: (token) => ({ authorization: `Bearer ${token}` }),
  'x-api-key': (token) => ({ 'x-api-key': token }),
  'api-key': (token) => ({ 'api-key': token }),
  'x-goog-api-key': (token) => ({ 'x-goog-api-key': token }),
};

const FREE: Price = { input: 0, output: 0, cachedInput: 0, cacheWrite: 0 };

export interface CreateProviderOptions {
  /** Where the demo model listens, as far as the version. */
  readonly demoBaseUrl?: string | undefined;
}

/** @throws MoltbotError `config_invalid` where the settings don't say what it speaks or where it is */
export function createProvider(
  name: string,
  settings: ProviderSettings,
  options: CreateProviderOptions = {},
): Provider {
  const kind = settings.kind ?? (isBuiltinProvider(name) ? BUILTIN_PROVIDERS[name] : undefined);
  if (kind === undefined) throw new MoltbotError('config_invalid', `providers.${name}: kind is missing`);
  const { requiresCredential, authHeader } = KINDS[kind];
  return {
    name,
    kind,
    baseUrl: baseUrlOf(name, settings, kind === 'demo' ? options.demoBaseUrl : undefined),
    settings,
    requiresCredential: settings.requires_credential ?? requiresCredential,
    authHeaders: (token, type) =>
      AUTH_HEADERS[settings.auth_header ?? (type === 'oauth' ? 'bearer' : authHeader)](token),
  };
}

function baseUrlOf(name: string, settings: ProviderSettings, demoBaseUrl: string | undefined): string {
  const usual = isBuiltinProvider(name) ? VENDOR_ADDRESSES[name] : undefined;
  const address = settings.base_url ?? demoBaseUrl ?? usual;
  if (address === undefined) throw new MoltbotError('config_invalid', `providers.${name}: base_url is missing`);
  return address.replace(/\/+$/, '');
}

/** A model of a provider; `settings` are what the provider's settings say of it, unless others are given. */
export function createModel(
  provider: Provider,
  name: string,
  settings: ProviderModelSettings | undefined = ownSettings(provider, name),
): Model {
  const row = KINDS[provider.kind];
  const upstreamName = settings?.upstream_name ?? name;
  const chat = row.chat[settings?.api ?? provider.settings.api];
  return {
    ref: `${provider.name}:${name}`,
    provider,
    name,
    upstreamName,
    dialect: chat.dialect,
    chat,
    embeddings: row.embeddings,
    countTokens: row.countTokens,
    capabilities: toCapabilities(settings, row.prefill(upstreamName)),
    price: toPrice(settings?.price) ?? (provider.kind === 'demo' ? FREE : undefined),
  };
}

/** Whether a provider can be asked to train models; a compatible server may still say that it knows no such address. */
export function hasFineTuning({ kind, name }: Provider): boolean {
  return KINDS[kind].fineTuning && name !== LOCAL_PROVIDER;
}

/** How providers of this kind answer a chat; for its errors too. */
export function chatWireOf(provider: Provider): ChatWire {
  return KINDS[provider.kind].chat[provider.settings.api];
}

function ownSettings(provider: Provider, name: string): ProviderModelSettings | undefined {
  return Object.hasOwn(provider.settings.models, name) ? provider.settings.models[name] : undefined;
}

function toCapabilities(settings: ProviderModelSettings | undefined, prefill: boolean): Capabilities {
  return {
    images: settings?.images ?? true,
    tools: settings?.tools ?? true,
    prefill: settings?.prefill ?? prefill,
    contextWindow: settings?.context_window,
    maxOutputTokens: settings?.max_output_tokens,
  };
}

function toPrice(price: ProviderModelSettings['price']): Price | undefined {
  if (price === undefined) return undefined;
  const { input, output } = price;
  return { input, output, cachedInput: price.cached_input ?? input, cacheWrite: price.cache_write ?? input };
}
