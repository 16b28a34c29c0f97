import type { FineTuningApi } from '@moltbot/providers';
import type {
  FineTuningEnd,
  FineTuningEvent,
  FineTuningFault,
  FineTuningProgress,
  FineTuningRecord,
  ObjectStore,
  Storage,
} from '@moltbot/storage';
import type { JobContext, JobDeps } from '../deps.js';

/** The training has ended elsewhere, or another worker has it. */
export class Lost extends Error {}

/** Why a training fails. */
export class Failed extends Error {
  readonly fault: FineTuningFault;

  constructor(fault: FineTuningFault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** What one turn of the work on a training has at hand. */
export interface TrainingTurn {
  readonly deps: Pick<JobDeps, 'settings' | 'objects' | 'training' | 'storage'>;
  readonly context: JobContext;
  readonly storage: Storage;
  readonly worker: string;
  readonly signal: AbortSignal;
  /** As it was last written. */
  readonly record: () => FineTuningRecord;
  /** Writes how far the work has come. @throws Lost */
  readonly save: (changes: Partial<FineTuningProgress>) => Promise<void>;
  /** @throws Lost */
  readonly end: (end: TrainingEnd) => Promise<void>;
  readonly tell: (event: Omit<FineTuningEvent, 'at' | 'id'> & { readonly id: string }) => Promise<void>;
  /** The provider's API with the account that the training is done with. */
  readonly api: () => FineTuningApi;
  /** Unix ms. */
  readonly now: () => number;
}

export interface TrainingEnd {
  readonly status: FineTuningEnd;
  readonly error?: FineTuningFault | undefined;
  readonly model?: string | undefined;
}

/** Where what is sent is kept until it is sent. */
export function dataSetKey(id: string, kind: 'training' | 'validation'): string {
  return `fine-tuning/${id}/${kind}.jsonl`;
}

/** Best effort: the training is what counts. */
export async function dropDataSets(objects: Pick<ObjectStore, 'delete'>, id: string): Promise<void> {
  await Promise.allSettled((['training', 'validation'] as const).map((kind) => objects.delete(dataSetKey(id, kind))));
}
