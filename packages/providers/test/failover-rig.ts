import type { Credential, CredentialVault } from '@moltbot/auth';
import { type Settings, settingsSchema } from '@moltbot/config';
import { type AttemptRecord, MoltbotError, Secret, type StreamPart } from '@moltbot/contracts';
import { createMemoryState, type SharedState } from '@moltbot/state';
import type { CallerRequest, JsonObject } from '../src/caller-request.js';
import { anthropicMessagesDoor } from '../src/dialects/anthropic-messages/door.js';
import { anthropicCountTokensWire, anthropicMessagesWire } from '../src/dialects/anthropic-messages/wire.js';
import { geminiWire } from '../src/dialects/gemini/wire.js';
import { openAiChatDoor } from '../src/dialects/openai-chat/door.js';
import { openAiEmbeddingsWire } from '../src/dialects/openai-chat/embeddings.js';
import { createOpenAiChatWire } from '../src/dialects/openai-chat/wire.js';
import type { UpstreamClient } from '../src/http/upstream.js';
import { createNetwork } from '@moltbot/network';
import { createUpstreamClient } from '../src/http/upstream-client.js';
import { readObject } from '../src/read-json.js';
import type { EngineCall } from '../src/router/engine.js';
import { createFailoverEngine, type RunningFailoverEngine } from '../src/router/failover-engine.js';
import type { RouterObserver } from '../src/router/observer.js';
import type { ServedFrame, ServedStream } from '../src/router/served.js';
import type { ChainPlan, Model, Provider } from '../src/target.js';
import { type Script, type ScriptedUpstream, startScriptedUpstream } from '../src/testing.js';

/** The dialects a test's targets and callers speak. */
const WIRES = {
  'openai-chat': {
    chat: createOpenAiChatWire({ compatible: false }),
    countTokens: undefined,
    embeddings: openAiEmbeddingsWire,
  },
  'anthropic-messages': {
    chat: anthropicMessagesWire,
    countTokens: anthropicCountTokensWire,
    embeddings: undefined,
  },
  gemini: { chat: geminiWire, countTokens: undefined, embeddings: undefined },
} as const;
const DOORS = { 'openai-chat': openAiChatDoor, 'anthropic-messages': anthropicMessagesDoor } as const;

interface RigModel {
  readonly script: Script;
  /** OpenAI chat where not given. */
  readonly dialect?: keyof typeof WIRES | undefined;
  readonly capabilities?: Partial<Model['capabilities']> | undefined;
  readonly price?: Model['price'];
  /** Names in auth.json; none: no credential is needed. */
  readonly credentials?: readonly string[] | undefined;
  /** As in config.yml, besides what every model of a rig has. */
  readonly provider?: JsonObject | undefined;
  /** Somewhere else than the scripted upstream. */
  readonly baseUrl?: string | undefined;
}

type DeepPartial<Value> = {
  readonly [Key in keyof Value]?: Value[Key] extends object ? DeepPartial<Value[Key]> : Value[Key];
};

export interface RigOptions {
  /** The chain in order: `first` is the model `first:m` of a provider of its own. */
  readonly models: Readonly<Record<string, RigModel>>;
  /** As in config.yml. */
  readonly settings?: JsonObject | undefined;
  readonly plan?: DeepPartial<Pick<ChainPlan, 'name' | 'policyChain'>> & { readonly policy?: readonly string[] };
  readonly state?: SharedState | undefined;
  readonly random?: (() => number) | undefined;
  readonly observer?: RouterObserver | undefined;
}

/** Limits that make a test fast; a test sets the one that it is about. */
const FAST = {
  models: { retry_policy: { initial_backoff: '20ms', max_backoff: '100ms', max_total_wait: '1s' } },
  timeouts: { connect: '2s', headers: '3s', answer: '3s', first_content: '3s', gap: '3s', total: '10s' },
  breaker: { failures: 1_000, open_for: '200ms', max_open_for: '800ms' },
};

export interface Rig {
  readonly engine: RunningFailoverEngine;
  readonly plan: ChainPlan;
  readonly vault: TestVault;
  readonly settings: Settings;
  readonly attempts: AttemptRecord[];
  readonly events: { readonly type: string; readonly [key: string]: unknown }[];
  readonly upstream: (name: string) => ScriptedUpstream;
  readonly model: (name: string) => Model;
  readonly planOf: (...names: string[]) => ChainPlan;
  readonly call: (options?: Partial<CallOptions>) => EngineCall;
  /** Another process on the same shared state, through a door of its own where it is given. */
  readonly another: (state?: SharedState) => RunningFailoverEngine;
  readonly close: () => Promise<void>;
}

interface CallOptions {
  readonly plan: ChainPlan;
  readonly signal: AbortSignal;
  readonly stream: boolean;
  readonly body: JsonObject;
  readonly text: string;
  readonly replaceable: boolean;
  /** The caller's; OpenAI chat where not given. */
  readonly dialect: keyof typeof DOORS;
}

/** A vault whose secrets a test can change. */
class TestVault implements CredentialVault {
  readonly credentials = new Map<string, { secret: Secret; type: Credential['type']; next?: Secret | undefined }>();
  refreshes = 0;

  credentialsFor(provider: string): readonly Credential[] {
    return [...this.credentials]
      .filter(([id]) => id === provider || id.startsWith(`${provider}:`))
      .map(([id, { type }]) => ({ id, provider, type }));
  }

  /** What a forced refresh will bring. */
  setNext(id: string, secret: string): void {
    const found = this.credentials.get(id);
    if (found !== undefined) found.next = new Secret(secret);
  }

  /** As an edit of auth.json does. */
  replace(id: string, secret: string): void {
    const found = this.credentials.get(id);
    if (found !== undefined) found.secret = new Secret(secret);
  }

  tokenFor(id: string): Secret | Promise<Secret> {
    const found = this.credentials.get(id);
    if (found === undefined) throw new MoltbotError('credential_missing', `No credential ${id}`);
    return found.secret;
  }

  async refreshAfterRejection(id: string, rejected: Secret): Promise<boolean> {
    this.refreshes += 1;
    const found = this.credentials.get(id);
    if (found?.next === undefined || found.secret !== rejected) return false;
    found.secret = found.next;
    return true;
  }
}

/** Scripted upstreams, a chain over them, and an engine, all real but the vault. */
export async function startRig(options: RigOptions): Promise<Rig> {
  const settings = settingsSchema.parse(merge(FAST, options.settings ?? {}));
  const vault = new TestVault();
  const upstreams = new Map<string, ScriptedUpstream>();
  const models = new Map<string, Model>();
  for (const [name, each] of Object.entries(options.models)) {
    const upstream = await startScriptedUpstream({ script: each.script });
    upstreams.set(name, upstream);
    for (const id of each.credentials ?? [])
      vault.credentials.set(id, { secret: new Secret(`key-of-${id}`), type: 'api_key' });
    models.set(name, createModel({ name, rig: each, upstream, settings }));
  }
  const planOf = (...names: string[]): ChainPlan => ({
    name: options.plan?.name ?? 'default',
    models: names.map((name) => required(models.get(name))),
    retryPolicy: settings.models.retry_policy,
    timeouts: settings.timeouts,
    policyChain: undefined,
  });
  const policy = options.plan?.policy;
  const names = [...models.keys()].filter((name) => policy?.includes(name) !== true);
  const plan: ChainPlan = {
    ...planOf(...names),
    ...(policy === undefined ? {} : { policyChain: 'policy', policyPlan: () => planOf(...policy) }),
  };
  const attempts: AttemptRecord[] = [];
  const events: { readonly type: string; readonly [key: string]: unknown }[] = [];
  const observer: RouterObserver = {
    attempt: (record) => attempts.push(record),
    fallback: (event) => events.push({ type: 'fallback', ...event }),
    rescue: (event) => events.push({ type: 'rescue', ...event }),
    breaker: (event) => events.push({ type: 'breaker', ...event }),
    deadTargetCall: (event) => events.push({ type: 'dead', ...event }),
    credential: (event) => events.push({ type: 'credential', ...event }),
    ...options.observer,
  };
  const client: UpstreamClient = createUpstreamClient({ network: createNetwork({ maxConnections: 512 }) });
  const state = options.state ?? createMemoryState();
  const engines: RunningFailoverEngine[] = [];
  const another = (through = state): RunningFailoverEngine => {
    const engine = createFailoverEngine({
      clientFor: () => client,
      vault,
      state: through,
      settings: () => settings,
      observer,
      random: options.random,
    });
    engines.push(engine);
    return engine;
  };
  return {
    engine: another(),
    plan,
    vault,
    settings,
    attempts,
    events,
    upstream: (name) => required(upstreams.get(name)),
    model: (name) => required(models.get(name)),
    planOf,
    call: (call = {}) => ({
      call: callerRequest(call),
      plan: call.plan ?? plan,
      signal: call.signal ?? new AbortController().signal,
      replaceable: call.replaceable,
    }),
    another,
    close: async () => {
      for (const engine of engines) engine.close();
      await Promise.all([...upstreams.values()].map(async (upstream) => upstream.close()));
      await client.close();
      if (options.state === undefined) await state.close();
    },
  };
}

/** Everything a stream gave out, and how it ended. */
export interface ReadStream {
  readonly frames: readonly ServedFrame[];
  readonly parts: readonly StreamPart[];
  readonly text: string;
  readonly bytes: string;
  readonly error: unknown;
  readonly finish: string | undefined;
}

export async function readStream(stream: ServedStream): Promise<ReadStream> {
  const frames: ServedFrame[] = [];
  let error: unknown;
  try {
    for await (const frame of stream.frames) frames.push(frame);
  } catch (thrown) {
    error = thrown;
  }
  const parts = frames.flatMap((frame) => frame.parts);
  return {
    frames,
    parts,
    text: parts.map((part) => (part.type === 'text-delta' ? part.text : '')).join(''),
    bytes: Buffer.concat(frames.map((frame) => frame.bytes ?? Buffer.alloc(0))).toString('utf8'),
    error,
    finish: parts.find((part) => part.type === 'finish')?.reason,
  };
}

/** What a promise was rejected with, as the error of ours that it must be. */
export async function failureOf(promise: Promise<unknown>): Promise<MoltbotError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof MoltbotError) return error;
    throw error;
  }
  throw new Error('It did not fail');
}

/** Times between one request and the next, in ms. */
export function gaps(upstream: ScriptedUpstream): readonly number[] {
  const times = upstream.requests.map(({ at }) => at);
  return times.slice(1).map((at, index) => at - (times[index] ?? 0));
}

let requests = 0;

function callerRequest(options: Partial<CallOptions>): CallerRequest {
  const { stream = false, body = {}, text = 'What is this?', dialect = 'openai-chat' } = options;
  const value: JsonObject = {
    model: 'default',
    ...(dialect === 'anthropic-messages' ? { max_tokens: 1_000 } : {}),
    messages: [{ role: 'user', content: text }],
    ...(stream ? { stream } : {}),
    ...body,
  };
  const bytes = Buffer.from(JSON.stringify(value));
  requests += 1;
  return {
    requestId: `request-${requests}`,
    dialect,
    bytes,
    value,
    model: undefined,
    models: undefined,
    streamOptions: readObject(value['stream_options']),
    stream,
    wantsStreamUsage: true,
    estimatedInputTokens: Math.ceil(bytes.length / 4),
    request: () => DOORS[dialect].fromRequest(value),
  };
}

function createModel(options: {
  readonly name: string;
  readonly rig: RigModel;
  readonly upstream: ScriptedUpstream;
  readonly settings: Settings;
}): Model {
  const { name, rig, upstream } = options;
  const dialect = rig.dialect ?? 'openai-chat';
  const providerSettings = required(
    settingsSchema.parse({
      providers: { [name]: { kind: 'openai-compatible', base_url: 'http://127.0.0.1:1', ...rig.provider } },
    }).providers[name],
  );
  const provider: Provider = {
    name,
    kind: 'openai-compatible',
    baseUrl: rig.baseUrl ?? upstream.baseUrl(dialect),
    settings: providerSettings,
    requiresCredential: (rig.credentials?.length ?? 0) > 0,
    authHeaders: (token) => ({ authorization: `Bearer ${token}` }),
  };
  return {
    ref: `${name}:m`,
    provider,
    name: 'm',
    upstreamName: 'm-upstream',
    dialect,
    ...WIRES[dialect],
    capabilities: {
      images: true,
      tools: true,
      prefill: false,
      contextWindow: undefined,
      maxOutputTokens: undefined,
      ...rig.capabilities,
    },
    price: rig.price,
  };
}

function merge(base: JsonObject, over: JsonObject): JsonObject {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isObject(before) && isObject(value) ? merge(before, value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function required<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('The rig has no such thing');
  return value;
}
