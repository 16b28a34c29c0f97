import { createHash } from 'node:crypto';
import type { ObjectStore } from '@moltbot/storage';
import { MoltbotError } from '@moltbot/contracts';
import { inputLines } from '../batch/input-lines.js';
import { type ExampleForm, readTrainingExample } from './training-example.js';

/** What a data set holds. */
export interface DataSetReport {
  readonly lines: number;
  readonly examples: number;
  readonly belowRating: number;
  /** Of examples that are there before; of rated conversations they are left out. */
  readonly duplicates: number;
  readonly messages: number;
  /** Estimates. */
  readonly tokens: number;
  readonly longestTokens: number;
  /** Fields of the input that are not sent. */
  readonly fieldsLeftOut: number;
  readonly bytes: number;
}

/** Why a file is no data set; nothing was stored. */
export class InvalidDataSet extends Error {
  /** `invalid_training_file`, `too_few_examples`, … */
  readonly code: string;
  /** Of the first lines that are wrong. */
  readonly faults: readonly string[];
  readonly report: DataSetReport;

  constructor(options: {
    readonly code: string;
    readonly message: string;
    readonly faults?: readonly string[];
    readonly report: DataSetReport;
  }) {
    super(options.message);
    this.code = options.code;
    this.faults = options.faults ?? [];
    this.report = options.report;
  }
}

export interface BuildDataSet {
  readonly objects: Pick<ObjectStore, 'get' | 'put'>;
  /** Where the input is, and where what is sent goes. */
  readonly from: string;
  readonly to: string;
  readonly kind: 'training' | 'validation';
  readonly form: ExampleForm;
  readonly minRating: number | undefined;
  readonly maxLineBytes: number;
  readonly signal: AbortSignal;
}

/** OpenAI takes no fewer. Of what the model is only measured by, one is enough. */
const LEAST = { training: 10, validation: 1 } as const;
const MOST_EXAMPLES = 1_000_000;
const MOST_FAULTS = 20;
const MOST_SHOWN = 5;
/** What OpenAI takes as one file. */
const MAX_BYTES = 536_870_912;
const CHUNK_BYTES = 65_536;
const PROBLEMS = { 'too-long': 'expected a shorter line.', 'not-utf8': 'expected UTF-8.' };

type Counts = { -readonly [K in keyof DataSetReport]: DataSetReport[K] };

/**
 * Reads a file line by line, checks each, and stores what is to be sent; memory stays bounded (a hash for each example).
 * @throws InvalidDataSet; MoltbotError `object_store_unavailable`; the signal's reason
 */
export async function buildDataSet(options: BuildDataSet): Promise<DataSetReport> {
  const { objects, from, to, kind, signal } = options;
  const counts: Counts = {
    lines: 0,
    examples: 0,
    belowRating: 0,
    duplicates: 0,
    messages: 0,
    tokens: 0,
    longestTokens: 0,
    fieldsLeftOut: 0,
    bytes: 0,
  };
  const invalid = (code: string, message: string, faults?: readonly string[]): InvalidDataSet =>
    new InvalidDataSet({ code, message, report: { ...counts }, ...(faults && { faults }) });
  const input = await objects.get({ key: from });
  if (input === undefined) throw invalid('file_missing', `The ${kind} file was deleted.`);
  const failed: { error?: unknown } = {};
  const body = remembering(content({ ...options, input: input.body, counts, invalid }), failed);
  try {
    const stored = await objects.put({ key: to, body, maxBytes: MAX_BYTES, contentType: 'application/jsonl', signal });
    return { ...counts, bytes: stored.size };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof MoltbotError && error.code === 'payload_too_large') {
      throw invalid('data_set_too_large', `The ${kind} data set is larger than ${MAX_BYTES} bytes.`);
    }
    throw failed.error ?? error;
  } finally {
    await input.cancel();
  }
}

async function* content(
  options: BuildDataSet & {
    readonly input: AsyncIterable<Uint8Array>;
    readonly counts: Counts;
    readonly invalid: (code: string, message: string, faults?: readonly string[]) => InvalidDataSet;
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { input, counts, invalid, kind, form, minRating, maxLineBytes, signal } = options;
  const seen = new Set<string>();
  const faults: string[] = [];
  let wrong = 0;
  let pending: string[] = [];
  let size = 0;
  for await (const line of inputLines({ body: input, maxBytes: maxLineBytes })) {
    signal.throwIfAborted();
    counts.lines += 1;
    const example =
      'problem' in line
        ? ({ type: 'fault', message: PROBLEMS[line.problem] } as const)
        : readTrainingExample(line.text, { form, minRating });
    if (example.type === 'below-rating') {
      counts.belowRating += 1;
    } else if (example.type === 'fault') {
      wrong += 1;
      if (faults.length < MOST_FAULTS) faults.push(`Line ${line.line}: ${example.message}`);
    } else {
      const isNew = first(seen, example.text);
      if (!isNew) counts.duplicates += 1;
      counts.fieldsLeftOut += example.leftOut;
      // In an export a conversation that is there twice is a mistake; in a file that somebody made it may be meant so.
      if (isNew || minRating === undefined) {
        counts.examples += 1;
        if (counts.examples > MOST_EXAMPLES) {
          throw invalid('data_set_too_large', `The ${kind} file has more than ${MOST_EXAMPLES} examples.`);
        }
        counts.messages += example.messages;
        counts.tokens += example.tokens;
        counts.longestTokens = Math.max(counts.longestTokens, example.tokens);
        pending.push(example.text, '\n');
        size += example.text.length;
      }
    }
    if (size < CHUNK_BYTES) continue;
    // Once a line is wrong nothing is sent any more: the rest is read for its faults.
    if (wrong === 0) yield Buffer.from(pending.join(''));
    pending = [];
    size = 0;
  }
  if (wrong > 0) throw invalid(`invalid_${kind}_file`, told(faults, wrong, kind), faults);
  if (counts.examples < LEAST[kind]) {
    const below = counts.belowRating === 0 ? '' : ` (${counts.belowRating} are rated below ${minRating})`;
    const found = `The ${kind} file has ${counts.examples} examples${below}`;
    throw invalid('too_few_examples', `${found}; expected at least ${LEAST[kind]}.`);
  }
  if (pending.length > 0) yield Buffer.from(pending.join(''));
}

function told(faults: readonly string[], wrong: number, kind: string): string {
  const rest = wrong > MOST_SHOWN ? ` And ${wrong - MOST_SHOWN} more.` : '';
  const lines = wrong === 1 ? 'One line' : `${wrong} lines`;
  return `${lines} of the ${kind} file can not be learned from. ${faults.slice(0, MOST_SHOWN).join(' ')}${rest}`;
}

function first(seen: Set<string>, text: string): boolean {
  const hash = createHash('sha256').update(text).digest('base64').slice(0, 24);
  if (seen.has(hash)) return false;
  seen.add(hash);
  return true;
}

/** The store tells of a body that ends early in its own words. */
async function* remembering(body: AsyncIterable<Uint8Array>, failed: { error?: unknown }) {
  try {
    yield* body;
  } catch (error) {
    failed.error = error;
    throw error;
  }
}
