export const FINE_TUNING_STATUSES = [
  'validating_files',
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
] as const;
export type FineTuningStatus = (typeof FINE_TUNING_STATUSES)[number];
/** Those that it ends in. */
export type FineTuningEnd = Extract<FineTuningStatus, 'succeeded' | 'failed' | 'cancelled'>;

type JsonObject = Readonly<Record<string, unknown>>;

/** What was asked for, beside the model and the files. */
export interface AskedOfTraining {
  /** As the provider calls the model. */
  readonly upstreamModel: string;
  readonly suffix?: string | undefined;
  readonly seed?: number | undefined;
  readonly hyperparameters?: JsonObject | undefined;
  readonly method?: JsonObject | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The file is of rated conversations: those with at least this rating are taken. */
  readonly minRating?: number | undefined;
}

export interface FineTuningFault {
  readonly code: string;
  readonly message: string;
  readonly param?: string | undefined;
}

/** What of the provider's job is shown. */
export interface MirroredTraining {
  readonly trainedTokens?: number | undefined;
  readonly resultFiles: readonly string[];
  readonly hyperparameters?: JsonObject | undefined;
  readonly method?: JsonObject | undefined;
  readonly seed?: number | undefined;
  /** Unix ms. */
  readonly estimatedFinish?: number | undefined;
}

/** Asking the provider does not go at present. */
export interface FineTuningTrouble {
  /** In a row. */
  readonly failures: number;
  /** Unix ms. */
  readonly since: number;
  readonly code: string;
  /** How often in a row the provider did not know the job. */
  readonly missing: number;
}

/** How far the work has come: what the worker writes, as a whole. Times are Unix ms. */
export interface FineTuningProgress {
  readonly status: FineTuningStatus;
  /** What the data set holds, by kind. */
  readonly dataSet: JsonObject | undefined;
  /** The account that it is done with, by its name in auth.json. */
  readonly credential: string | undefined;
  /** Written before an upload begins. */
  readonly uploadBegunAt: number | undefined;
  readonly upstreamFile: string | undefined;
  readonly upstreamValidationFile: string | undefined;
  /** Written before the provider is asked for a job. */
  readonly createBegunAt: number | undefined;
  readonly upstreamId: string | undefined;
  readonly upstream: MirroredTraining | undefined;
  readonly trouble: FineTuningTrouble | undefined;
}

export interface FineTuningRecord extends FineTuningProgress {
  /** `ftjob-` and 24 hex digits. */
  readonly id: string;
  readonly owner: string | undefined;
  readonly requestHash: string;
  readonly provider: string;
  /** `provider:model`. */
  readonly model: string;
  readonly asked: AskedOfTraining;
  readonly trainingFile: string;
  readonly trainingKey: string;
  readonly validationFile: string | undefined;
  readonly validationKey: string | undefined;
  readonly error: FineTuningFault | undefined;
  /** As the provider calls it. */
  readonly fineTunedModel: string | undefined;
  readonly createdAt: number;
  readonly cancelRequestedAt: number | undefined;
  readonly endedAt: number | undefined;
}

export type NewFineTuning = Pick<
  FineTuningRecord,
  | 'id'
  | 'owner'
  | 'requestHash'
  | 'provider'
  | 'model'
  | 'asked'
  | 'trainingFile'
  | 'trainingKey'
  | 'validationFile'
  | 'validationKey'
> & { readonly idempotencyKey: string | undefined };

export interface FineTuningEvent {
  readonly id: string;
  /** Unix ms. */
  readonly at: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly type: 'message' | 'metrics';
  readonly message: string;
  readonly data?: JsonObject | undefined;
}

export interface FineTuningCheckpoint {
  readonly id: string;
  readonly at: number;
  /** As the provider calls it. */
  readonly model: string;
  readonly step: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A model that came of a fine-tuning job here. */
export interface RegisteredModel {
  readonly provider: string;
  readonly name: string;
  /** `provider:model`. */
  readonly baseModel: string;
  readonly fineTuningId: string;
  readonly createdAt: number;
}

export interface FineTuningRow {
  readonly id: string;
  readonly owner: string | null;
  readonly request_hash: string;
  readonly provider: string;
  readonly model: string;
  readonly asked: AskedOfTraining;
  readonly training_file: string;
  readonly training_key: string;
  readonly validation_file: string | null;
  readonly validation_key: string | null;
  readonly status: FineTuningStatus;
  readonly error: FineTuningFault | null;
  readonly data_set: JsonObject | null;
  readonly credential: string | null;
  readonly upload_begun_at: Date | null;
  readonly upstream_file: string | null;
  readonly upstream_validation_file: string | null;
  readonly create_begun_at: Date | null;
  readonly upstream_id: string | null;
  readonly upstream: MirroredTraining | null;
  readonly trouble: FineTuningTrouble | null;
  readonly fine_tuned_model: string | null;
  readonly created_at: Date;
  readonly cancel_requested_at: Date | null;
  readonly ended_at: Date | null;
}

export function toFineTuning(row: FineTuningRow): FineTuningRecord {
  return {
    id: row.id,
    owner: row.owner ?? undefined,
    requestHash: row.request_hash,
    provider: row.provider,
    model: row.model,
    asked: row.asked,
    trainingFile: row.training_file,
    trainingKey: row.training_key,
    validationFile: row.validation_file ?? undefined,
    validationKey: row.validation_key ?? undefined,
    status: row.status,
    error: row.error ?? undefined,
    dataSet: row.data_set ?? undefined,
    credential: row.credential ?? undefined,
    uploadBegunAt: row.upload_begun_at?.getTime(),
    upstreamFile: row.upstream_file ?? undefined,
    upstreamValidationFile: row.upstream_validation_file ?? undefined,
    createBegunAt: row.create_begun_at?.getTime(),
    upstreamId: row.upstream_id ?? undefined,
    upstream: row.upstream ?? undefined,
    trouble: row.trouble ?? undefined,
    fineTunedModel: row.fine_tuned_model ?? undefined,
    createdAt: row.created_at.getTime(),
    cancelRequestedAt: row.cancel_requested_at?.getTime(),
    endedAt: row.ended_at?.getTime(),
  };
}
