import { parseJson, readObject, readText } from './read-json.js';
import type { UpstreamClient } from './http/upstream.js';

export type LocalServerKind = 'ollama' | 'lmstudio' | 'vllm' | 'llamacpp';

/** A model server that answers on this machine. */
export interface LocalServer {
  readonly provider: LocalServerKind;
  /** `http://127.0.0.1:11434/v1` */
  readonly baseUrl: string;
  readonly models: readonly string[];
}

export interface FindLocalServersOptions {
  readonly client: Pick<UpstreamClient, 'get'>;
  readonly ports?: readonly number[] | undefined;
  /** Not asked: our own. */
  readonly skipPorts?: readonly number[] | undefined;
  /** For all of it, 400 where not given. */
  readonly timeoutMs?: number | undefined;
  readonly signal: AbortSignal;
}

/** Ollama, LM Studio, vLLM, llama.cpp as we suggest it and as it is. */
const USUAL_PORTS = [11_434, 1_234, 8_000, 8_081, 8_080];
const MAX_BYTES = 1_048_576;
const MAX_MODELS = 1_000;
const MAX_NAME = 256;

/** `owned_by` in their list of models. Ollama puts the model's author there. */
const OWNERS: ReadonlyMap<string, LocalServerKind> = new Map([
  ['llamacpp', 'llamacpp'],
  ['organization_owner', 'lmstudio'],
  ['vllm', 'vllm'],
]);

/**
 * Asks 127.0.0.1 on the usual ports for lists of models, all at once. Never throws; what doesn't answer in time, answers with
 * more than 1 MB, or is none of the four is not in the list.
 */
export async function findLocalServers(options: FindLocalServersOptions): Promise<readonly LocalServer[]> {
  const { client, ports = USUAL_PORTS, skipPorts = [], timeoutMs = 400 } = options;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  const signal = AbortSignal.any([options.signal, timeout.signal]);
  try {
    const asked = [...new Set(ports)].filter((port) => !skipPorts.includes(port));
    const found = await Promise.all(asked.map((port) => askPort({ client, port, timeoutMs, signal })));
    return found.flatMap((server) => server ?? []);
  } finally {
    clearTimeout(timer);
  }
}

interface Ask {
  readonly client: Pick<UpstreamClient, 'get'>;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

async function askPort(ask: Ask): Promise<LocalServer | undefined> {
  try {
    const list = readObject(await getJson(ask, '/v1/models'));
    // Ollama without a model says null.
    const entries = list?.['object'] === 'list' && list['data'] === null ? [] : list?.['data'];
    if (!Array.isArray(entries)) return undefined;
    const provider = ownerOf(entries) ?? ((await isOllama(ask)) ? 'ollama' : undefined);
    if (provider === undefined) return undefined;
    return { provider, baseUrl: `http://127.0.0.1:${ask.port}/v1`, models: namesOf(entries) };
  } catch {
    // Nothing there, or nothing that we know.
    return undefined;
  }
}

function ownerOf(entries: readonly unknown[]): LocalServerKind | undefined {
  for (const entry of entries.slice(0, MAX_MODELS)) {
    const provider = OWNERS.get(readText(readObject(entry)?.['owned_by']) ?? '');
    if (provider !== undefined) return provider;
  }
  return undefined;
}

function namesOf(entries: readonly unknown[]): readonly string[] {
  const names = entries.slice(0, MAX_MODELS).flatMap((entry) => readText(readObject(entry)?.['id']) ?? []);
  return [...new Set(names.filter((name) => name.length <= MAX_NAME))];
}

async function isOllama(ask: Ask): Promise<boolean> {
  return readText(readObject(await getJson(ask, '/api/version'))?.['version']) !== undefined;
}

/** @returns `undefined` where the answer is no 200 or no JSON */
async function getJson(ask: Ask, path: string): Promise<unknown> {
  const { client, port, timeoutMs, signal } = ask;
  const response = await client.get({
    url: `http://127.0.0.1:${port}${path}`,
    headers: { accept: 'application/json' },
    connectTimeoutMs: timeoutMs,
    headersTimeoutMs: timeoutMs,
    signal,
  });
  try {
    if (response.status !== 200) return undefined;
    return parseJson((await response.whole({ limit: MAX_BYTES, timeoutMs })).toString('utf8'));
  } finally {
    response.cancel();
  }
}
