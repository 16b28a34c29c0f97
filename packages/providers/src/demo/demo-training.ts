import type { JsonObject } from '../caller-request.js';
import type { EmittedError } from './emitter.js';

/** A request to the demo's files and fine-tuning API. */
export interface DemoTrainingCall {
  readonly method: string;
  /** Behind the version, without the query. */
  readonly path: string;
  readonly bytes: Buffer;
}

/** What it answers; `undefined`: it has no such route. */
export type DemoTraining = (call: DemoTrainingCall) => JsonObject | EmittedError | undefined;

const VALIDATED_AFTER_MS = 1_000;
const RUNNING_AFTER_MS = 2_000;
const STEP_MS = 1_000;
const STEPS = 4;
const MOST_KEPT = 1_000;
const EPOCHS = 3;
const TOKEN_BYTES = 4;
const NOTE = 'SIMULATED: nothing is trained.';
/** When it began (ms), the tokens, what the model is called: all that is needed to tell of it, also in another process. */
const JOB = /^ftjob-demo-([0-9a-z]{1,12})-([0-9a-z]{1,10})-([a-z0-9.]{0,40})$/;
const MODEL = /^assistant(-[\w.-]+)?$/;

/**
 * A pretence of OpenAI's files and fine-tuning API: a job goes through its states in six seconds, and ends in a name that
 * the demo model answers to. Everything it says is labelled SIMULATED.
 */
export function createDemoTraining(options: {
  readonly now: () => number;
  readonly createId: () => string;
}): DemoTraining {
  const { now, createId } = options;
  const files = new Map<string, JsonObject>();
  const jobs = new Map<string, JsonObject>();
  const cancelled = new Map<string, number>();

  function keep<T>(map: Map<string, T>, id: string, value: T): void {
    map.set(id, value);
    const oldest = map.size > MOST_KEPT ? map.keys().next().value : undefined;
    if (oldest !== undefined) map.delete(oldest);
  }

  function takeFile(bytes: Buffer): JsonObject {
    const text = bytes.toString('latin1');
    const begin = text.indexOf('\r\n\r\n', text.indexOf('filename=')) + 4;
    const end = text.lastIndexOf('\r\n--');
    const size = Math.max(0, end - begin);
    const id = `file-demo-${size.toString(36)}-${createId().replaceAll(/[^\w]/g, '').slice(0, 12)}`;
    const filename = /filename="([^"]*)"/.exec(text)?.[1] ?? 'file';
    const file = { id, object: 'file', bytes: size, created_at: seconds(now()), filename, purpose: 'fine-tune' };
    keep(files, id, { ...file, status: 'processed', simulated: true });
    return files.get(id) ?? file;
  }

  function create(body: JsonObject): JsonObject | EmittedError {
    const { model, training_file: file, suffix } = body;
    if (typeof model !== 'string' || !MODEL.test(model)) {
      return { status: 400, param: 'model', message: '`model` must be `assistant`: nothing else is trained here.' };
    }
    const [, size] = /^file-demo-([0-9a-z]{1,8})-/.exec(String(file)) ?? [];
    if (size === undefined) return { status: 400, param: 'training_file', message: 'There is no such file.' };
    const tokens = Math.ceil((Number.parseInt(size, 36) * EPOCHS) / TOKEN_BYTES);
    const name =
      typeof suffix === 'string'
        ? suffix
            .toLowerCase()
            .replaceAll(/[^a-z0-9.]/g, '')
            .slice(0, 40)
        : '';
    const id = `ftjob-demo-${now().toString(36)}-${tokens.toString(36)}-${name}`;
    keep(jobs, id, { model, training_file: file, suffix: suffix ?? null, metadata: body['metadata'] ?? null });
    return known(id);
  }

  function toJob(id: string): JsonObject | undefined {
    const [, began = '', tokens = '', name = ''] = JOB.exec(id) ?? [];
    if (began === '') return undefined;
    const at = Number.parseInt(began, 36);
    const stoppedAt = cancelled.get(id);
    const age = (stoppedAt ?? now()) - at;
    const done = age >= RUNNING_AFTER_MS + STEPS * STEP_MS;
    const going = age < VALIDATED_AFTER_MS ? 'validating_files' : age < RUNNING_AFTER_MS ? 'queued' : 'running';
    const asked = jobs.get(id);
    return {
      object: 'fine_tuning.job',
      id,
      model: asked?.['model'] ?? 'assistant',
      training_file: asked?.['training_file'] ?? null,
      validation_file: null,
      created_at: seconds(at),
      finished_at: done ? seconds(at + RUNNING_AFTER_MS + STEPS * STEP_MS) : null,
      status: stoppedAt !== undefined ? 'cancelled' : done ? 'succeeded' : going,
      fine_tuned_model: done ? ['assistant-simulated', name, began].filter((part) => part !== '').join('-') : null,
      trained_tokens: done ? Number.parseInt(tokens, 36) : null,
      organization_id: 'moltbot-demo',
      result_files: [],
      hyperparameters: { n_epochs: EPOCHS, batch_size: 1, learning_rate_multiplier: 1 },
      method: { type: 'supervised' },
      seed: 0,
      error: null,
      metadata: asked?.['metadata'] ?? null,
      simulated: true,
    };
  }

  function known(id: string): JsonObject {
    return toJob(id) ?? {};
  }

  function eventsOf(id: string, job: JsonObject): readonly JsonObject[] {
    const at = Number(job['created_at']) * 1_000;
    const age = (cancelled.get(id) ?? now()) - at;
    const event = (number: number, afterMs: number, message: string, data?: JsonObject): readonly JsonObject[] =>
      age < afterMs
        ? []
        : [
            {
              object: 'fine_tuning.job.event',
              id: `ftevent-demo-${number}`,
              created_at: seconds(at + afterMs),
              level: 'info',
              type: data === undefined ? 'message' : 'metrics',
              message: `SIMULATED: ${message}`,
              data: data ?? {},
            },
          ];
    const steps = Array.from({ length: STEPS }, (_, index) => {
      const step = index + 1;
      const loss = Number((2 / (step + 1)).toFixed(2));
      const data = { step, total_steps: STEPS, train_loss: loss };
      return event(step, RUNNING_AFTER_MS + step * STEP_MS, `Step ${step}/${STEPS}: training loss=${loss}`, data);
    }).flat();
    return [...event(0, 0, `Created fine-tuning job. ${NOTE}`), ...steps].toReversed();
  }

  function onJob(method: string, id: string, rest: string): JsonObject | EmittedError | undefined {
    const job = toJob(id);
    if (job === undefined) return { status: 404, message: 'There is no such fine-tuning job.' };
    if (method === 'GET' && rest === '') return job;
    if (method === 'GET' && rest === '/events') return list(eventsOf(id, job));
    if (method === 'GET' && rest === '/checkpoints') return list([]);
    if (method !== 'POST' || rest !== '/cancel') return undefined;
    if (job['status'] === 'succeeded') return { status: 400, message: 'The job has already completed.' };
    if (!cancelled.has(id)) keep(cancelled, id, now());
    return known(id);
  }

  return ({ method, path, bytes }) => {
    const asks = `${method} ${path}`;
    if (asks === 'POST /files') return takeFile(bytes);
    if (asks === 'GET /files') return list([...files.values()].toReversed());
    if (asks === 'GET /fine_tuning/jobs') return list([...jobs.keys()].toReversed().map(known));
    if (asks === 'POST /fine_tuning/jobs') {
      const body = parsed(bytes);
      return body === undefined ? { status: 400, message: 'The body is not a JSON object.' } : create(body);
    }
    const [, id, rest = ''] = /^\/fine_tuning\/jobs\/([^/]+)(\/\w+)?$/.exec(path) ?? [];
    return id === undefined ? undefined : onJob(method, id, rest);
  };
}

/** All there is, on one page. */
function list(data: readonly JsonObject[]): JsonObject {
  return { object: 'list', data, has_more: false };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

function parsed(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}
