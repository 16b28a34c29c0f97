import type { JsonObject } from '../caller-request.js';
import { nestsWithin, readCount, readList, readObject, readText } from '../read-json.js';

/** How a fine-tuning job stands at a provider, in OpenAI's words. `unknown`: in words that are not OpenAI's. */
export type ProviderTrainingStatus = (typeof STATUSES)[number] | 'unknown';

const STATUSES = ['validating_files', 'queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const;

/** Why a provider says that a fine-tuning job failed: about the caller's data, and so for the caller. */
export interface TrainingFault {
  readonly code: string;
  readonly message: string;
  readonly param: string | undefined;
}

/** A fine-tuning job as the provider tells of it. Times are Unix ms. */
export interface ProviderTraining {
  readonly id: string;
  readonly status: ProviderTrainingStatus;
  readonly trainingFile: string | undefined;
  /** The model that came of it. */
  readonly model: string | undefined;
  readonly trainedTokens: number | undefined;
  readonly error: TrainingFault | undefined;
  readonly resultFiles: readonly string[];
  readonly hyperparameters: JsonObject | undefined;
  readonly method: JsonObject | undefined;
  readonly seed: number | undefined;
  readonly createdAt: number | undefined;
  readonly estimatedFinish: number | undefined;
}

export interface ProviderTrainingEvent {
  readonly id: string;
  readonly at: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly type: 'message' | 'metrics';
  readonly message: string;
  readonly data: JsonObject | undefined;
}

export interface ProviderCheckpoint {
  readonly id: string;
  readonly at: number;
  readonly model: string;
  readonly step: number;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface ProviderFile {
  readonly id: string;
  readonly name: string | undefined;
  readonly bytes: number | undefined;
  /** `uploaded`, `processed`, `error`, or what else the provider says. */
  readonly status: string | undefined;
}

const LONGEST_TEXT = 2_000;
const LONGEST_ID = 256;
const DEEPEST = 16;
const LARGEST_OBJECT = 16_384;
const LEVELS = new Set(['info', 'warn', 'error']);

/** @see https://platform.openai.com/docs/api-reference/fine-tuning/object. @returns undefined where it is none */
export function readTraining(value: unknown): ProviderTraining | undefined {
  const job = readObject(value);
  const id = readId(job?.['id']);
  if (job === undefined || id === undefined) return undefined;
  const status = STATUSES.find((known) => known === job['status']) ?? 'unknown';
  return {
    id,
    status,
    trainingFile: readText(job['training_file']),
    model: readName(job['fine_tuned_model']),
    trainedTokens: readCount(job['trained_tokens']),
    error: readFault(readObject(job['error'])),
    resultFiles: readList(job['result_files']).flatMap((file) => readId(file) ?? []),
    hyperparameters: readSmall(job['hyperparameters']),
    method: readSmall(job['method']),
    seed: readCount(job['seed']),
    createdAt: readSeconds(job['created_at']),
    estimatedFinish: readSeconds(job['estimated_finish']),
  };
}

export function readTrainingEvent(value: unknown): ProviderTrainingEvent | undefined {
  const event = readObject(value);
  const id = readId(event?.['id']);
  if (event === undefined || id === undefined) return undefined;
  const level = event['level'];
  return {
    id,
    at: readSeconds(event['created_at']) ?? 0,
    level: LEVELS.has(String(level)) ? (level as ProviderTrainingEvent['level']) : 'info',
    type: event['type'] === 'metrics' ? 'metrics' : 'message',
    message: (readText(event['message']) ?? '').slice(0, LONGEST_TEXT),
    data: readSmall(event['data']),
  };
}

export function readCheckpoint(value: unknown): ProviderCheckpoint | undefined {
  const checkpoint = readObject(value);
  const id = readId(checkpoint?.['id']);
  const model = readName(checkpoint?.['fine_tuned_model_checkpoint']);
  if (checkpoint === undefined || id === undefined || model === undefined) return undefined;
  const metrics = Object.entries(readObject(checkpoint['metrics']) ?? {}).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1]),
  );
  return {
    id,
    at: readSeconds(checkpoint['created_at']) ?? 0,
    model,
    step: readCount(checkpoint['step_number']) ?? 0,
    metrics: Object.fromEntries(metrics),
  };
}

export function readProviderFile(value: unknown): ProviderFile | undefined {
  const file = readObject(value);
  const id = readId(file?.['id']);
  if (file === undefined || id === undefined) return undefined;
  return { id, name: readText(file['filename']), bytes: readCount(file['bytes']), status: readText(file['status']) };
}

/** OpenAI gives an empty object, or one of nulls, where nothing failed. */
function readFault(error: JsonObject | undefined): TrainingFault | undefined {
  const message = readText(error?.['message']);
  const code = readText(error?.['code']);
  if (message === undefined && code === undefined) return undefined;
  return {
    code: (code ?? 'training_failed').slice(0, 100),
    message: (message ?? 'The provider says no more.').slice(0, LONGEST_TEXT),
    param: readText(error?.['param'])?.slice(0, LONGEST_ID),
  };
}

function readSeconds(value: unknown): number | undefined {
  const seconds = readCount(value);
  return seconds === undefined || seconds === 0 || seconds > 1e11 ? undefined : seconds * 1_000;
}

/** It is kept and shown as it is. */
function readSmall(value: unknown): JsonObject | undefined {
  const object = readObject(value);
  if (object === undefined || !nestsWithin(object, DEEPEST)) return undefined;
  return JSON.stringify(object).length <= LARGEST_OBJECT ? object : undefined;
}

/** It becomes a part of an address. */
function readId(value: unknown): string | undefined {
  const id = readText(value);
  return id !== undefined && id.length <= LONGEST_ID && /^[\x21-\x7e]+$/.test(id) ? id : undefined;
}

/** The longest name of a model that we take. */
function readName(value: unknown): string | undefined {
  const name = readText(value);
  return name !== undefined && name.length <= LONGEST_ID && !/[\0-\x20\x7f]/.test(name) ? name : undefined;
}
