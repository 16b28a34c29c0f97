import { Readable } from 'node:stream';
import type { Credential, CredentialVault } from '@moltbot/auth';
import type { Secret } from '@moltbot/contracts';
import type { JsonObject } from '../caller-request.js';
import { chatWireOf } from '../catalogue.js';
import { ProviderError } from '../failure.js';
import type { PostOptions, UpstreamClient, UpstreamResponse } from '../http/upstream.js';
import { parseJson, readList, readObject } from '../read-json.js';
import { upstreamPost } from '../router/upstream-post.js';
import type { Provider } from '../target.js';
import { multipartFile } from './multipart-file.js';
import {
  type ProviderCheckpoint,
  type ProviderFile,
  type ProviderTraining,
  type ProviderTrainingEvent,
  readCheckpoint,
  readProviderFile,
  readTraining,
  readTrainingEvent,
} from './provider-training.js';

/** What a provider is asked to train. */
export interface NewProviderTraining {
  readonly model: string;
  readonly trainingFile: string;
  readonly validationFile?: string | undefined;
  readonly suffix?: string | undefined;
  readonly seed?: number | undefined;
  readonly hyperparameters?: JsonObject | undefined;
  readonly method?: JsonObject | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Sent as `idempotency-key`: a service that heeds it makes one job of several asks. */
  readonly idempotencyKey: string;
}

export interface FileUpload {
  /** Letters, digits, `.`, `_`, `-`. */
  readonly fileName: string;
  readonly size: number;
  /** Opened once, or twice where the credential had to be refreshed. */
  readonly open: () => Promise<AsyncIterable<Uint8Array>>;
}

/**
 * OpenAI's files and fine-tuning API with one account, that of `credential`; a 401 refreshes it once.
 * Each throws ProviderError as any call does; MoltbotError `credential_…` of the vault; the signal's end as `cancelled`.
 */
export interface FineTuningApi {
  uploadFile(upload: FileUpload, signal: AbortSignal): Promise<ProviderFile>;
  /** The newest of this name and size that was uploaded for fine-tuning and is not in error. */
  findFile(file: Pick<FileUpload, 'fileName' | 'size'>, signal: AbortSignal): Promise<ProviderFile | undefined>;
  create(training: NewProviderTraining, signal: AbortSignal): Promise<ProviderTraining>;
  /** The one on this file, among those made since `notBefore` (Unix ms). */
  find(
    by: { readonly trainingFile: string; readonly notBefore: number },
    signal: AbortSignal,
  ): Promise<ProviderTraining | undefined>;
  get(id: string, signal: AbortSignal): Promise<ProviderTraining>;
  cancel(id: string, signal: AbortSignal): Promise<ProviderTraining>;
  /** In the order of time; of those that are known the last few may be among them. */
  events(
    id: string,
    options: { readonly isKnown: (id: string) => boolean; readonly signal: AbortSignal },
  ): Promise<readonly ProviderTrainingEvent[]>;
  checkpoints(id: string, signal: AbortSignal): Promise<readonly ProviderCheckpoint[]>;
}

export interface FineTuningApiOptions {
  readonly provider: Provider;
  readonly client: Pick<UpstreamClient, 'get' | 'post'>;
  readonly vault: Pick<CredentialVault, 'tokenFor' | 'refreshAfterRejection'>;
  /** `undefined` for a service that needs none. */
  readonly credential: Pick<Credential, 'id' | 'type'> | undefined;
  /** Unix ms. */
  readonly now?: (() => number) | undefined;
}

const CONNECT_MS = 10_000;
const ANSWER_MS = 60_000;
/** The slowest upload that is waited for: 128 KiB a second. */
const BYTES_PER_MS = 128;
const MAX_ANSWER_BYTES = 8_388_608;
const PAGE = 100;
const MAX_PAGES = 50;

type Send = (token: Secret | undefined) => Promise<UpstreamResponse>;
type Reader<T> = (value: unknown) => T | undefined;

/** @throws nothing; whether the provider has such an API at all is `hasFineTuning` */
export function createFineTuningApi(options: FineTuningApiOptions): FineTuningApi {
  const { provider, client, vault, credential, now = Date.now } = options;

  function request(path: string, token: Secret | undefined, signal: AbortSignal): PostOptions {
    return upstreamPost({
      provider,
      request: { path, body: Buffer.alloc(0), headers: {}, dropped: [] },
      token,
      credentialType: credential?.type,
      accept: 'application/json',
      callerHeaders: undefined,
      connectTimeoutMs: CONNECT_MS,
      headersTimeoutMs: ANSWER_MS,
      signal,
    });
  }

  /** With the token that the vault has now; after a 401 once more, where that gave another one. */
  async function ask(send: Send): Promise<JsonObject> {
    const token = credential === undefined ? undefined : await vault.tokenFor(credential.id);
    try {
      return await answerOf(await send(token));
    } catch (error) {
      if (credential === undefined || token === undefined || !isRejection(error)) throw error;
      if (!(await vault.refreshAfterRejection(credential.id, token))) throw error;
      return answerOf(await send(await vault.tokenFor(credential.id)));
    }
  }

  async function answerOf(response: UpstreamResponse): Promise<JsonObject> {
    try {
      const body = await response.whole({ limit: MAX_ANSWER_BYTES, timeoutMs: ANSWER_MS });
      const { status, headers } = response;
      if (status < 200 || status > 299) throw chatWireOf(provider).fromError({ status, headers, body, now: now() });
      const answer = readObject(parseJson(body.toString('utf8')));
      if (answer === undefined) throw new ProviderError('not-an-answer', 'The body is no JSON object.', { status });
      return answer;
    } finally {
      response.cancel();
    }
  }

  const get = async (path: string, signal: AbortSignal): Promise<JsonObject> =>
    ask(async (token) => {
      const { body: _, ...options } = request(path, token, signal);
      return client.get(options);
    });

  const post = async (
    path: string,
    body: object,
    { signal, headers = {} }: { readonly signal: AbortSignal; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<JsonObject> =>
    ask(async (token) => {
      const options = request(path, token, signal);
      return client.post({
        ...options,
        headers: { ...options.headers, ...headers },
        body: Buffer.from(JSON.stringify(body)),
      });
    });

  /** Newest first, page by page, as far as is asked for. */
  async function* entries<T extends { readonly id: string }>(
    path: string,
    read: Reader<T>,
    signal: AbortSignal,
  ): AsyncGenerator<T, void, undefined> {
    let after = '';
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const more = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
      const page = await get(`${path}${path.includes('?') ? '&' : '?'}limit=${PAGE}${more}`, signal);
      if (!Array.isArray(page['data'])) throw notAnAnswer('list');
      const found = readList(page['data']).flatMap((entry) => read(entry) ?? []);
      yield* found;
      const last = found.at(-1);
      if (page['has_more'] !== true || last === undefined || last.id === after) return;
      after = last.id;
    }
  }

  async function upload({ fileName, size, open }: FileUpload, signal: AbortSignal): Promise<JsonObject> {
    const failed: { error?: unknown } = {};
    const send: Send = async (token) => {
      const content = watched(await open(), failed);
      const fields = { purpose: 'fine-tune' };
      const form = multipartFile({ fields, fileName, contentType: 'application/jsonl', size, content });
      const options = request('/files', token, signal);
      const body = Readable.from(form.body(), { objectMode: false });
      // Undici tells of its end itself.
      body.on('error', () => {});
      try {
        return await client.post({
          ...options,
          headers: { ...options.headers, 'content-type': form.contentType, 'content-length': String(form.length) },
          headersTimeoutMs: ANSWER_MS + Math.ceil(size / BYTES_PER_MS),
          body,
        });
      } finally {
        body.destroy();
      }
    };
    try {
      return await ask(send);
    } catch (error) {
      throw failed.error ?? error;
    }
  }

  const jobPath = (id: string, rest = ''): string => `/fine_tuning/jobs/${encodeURIComponent(id)}${rest}`;

  return {
    uploadFile: async (file, signal) => found(readProviderFile(await upload(file, signal)), 'file'),
    async findFile({ fileName, size }, signal) {
      for await (const file of entries('/files?purpose=fine-tune', readProviderFile, signal)) {
        const fits = file.bytes === undefined || file.bytes === size;
        if (file.name === fileName && fits && file.status !== 'error' && file.status !== 'deleted') return file;
      }
      return undefined;
    },
    create: async (training, signal) =>
      found(
        readTraining(
          await post('/fine_tuning/jobs', toBody(training), {
            signal,
            headers: { 'idempotency-key': training.idempotencyKey },
          }),
        ),
        'fine-tuning job',
      ),
    async find({ trainingFile, notBefore }, signal) {
      for await (const training of entries('/fine_tuning/jobs', readTraining, signal)) {
        if (training.trainingFile === trainingFile) return training;
        if (training.createdAt !== undefined && training.createdAt < notBefore) return undefined;
      }
      return undefined;
    },
    get: async (id, signal) => found(readTraining(await get(jobPath(id), signal)), 'fine-tuning job'),
    cancel: async (id, signal) =>
      found(readTraining(await post(jobPath(id, '/cancel'), {}, { signal })), 'fine-tuning job'),
    async events(id, { isKnown, signal }) {
      const events: ProviderTrainingEvent[] = [];
      for await (const event of entries(jobPath(id, '/events'), readTrainingEvent, signal)) {
        if (isKnown(event.id)) break;
        events.push(event);
      }
      return events.toReversed();
    },
    async checkpoints(id, signal) {
      const checkpoints: ProviderCheckpoint[] = [];
      for await (const one of entries(jobPath(id, '/checkpoints'), readCheckpoint, signal)) checkpoints.push(one);
      return checkpoints.toReversed();
    },
  };
}

function toBody(training: NewProviderTraining): JsonObject {
  return {
    model: training.model,
    training_file: training.trainingFile,
    validation_file: training.validationFile,
    suffix: training.suffix,
    seed: training.seed,
    hyperparameters: training.hyperparameters,
    method: training.method,
    metadata: training.metadata,
  };
}

/** Remembers why reading our own file failed: the provider has no part in that. */
async function* watched(content: AsyncIterable<Uint8Array>, failed: { error?: unknown }) {
  try {
    yield* content;
  } catch (error) {
    failed.error = error;
    throw error;
  }
}

/** 401: the token itself. A 403 is about what it may do, and another token may no more. */
function isRejection(error: unknown): boolean {
  return error instanceof ProviderError && error.status === 401;
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw notAnAnswer(what);
  return value;
}

function notAnAnswer(what: string): ProviderError {
  return new ProviderError('not-an-answer', `The body is no ${what}.`, { status: 200 });
}
