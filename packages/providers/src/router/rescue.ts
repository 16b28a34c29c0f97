import type { ChatRequest, StreamPart } from '@moltbot/contracts';
import { ProviderError } from '../failure.js';
import type { Model } from '../target.js';
import type { ChainRun } from './chain-run.js';
import type { EngineCall } from './engine.js';
import type { OpenStream } from './open-stream.js';
import { estimatedTokens } from './price.js';
import type { Frame } from '../wire.js';
import { tryAdmitted } from './run-chain.js';
import { createSeam, type Seam } from './seam.js';
import { streamOperation } from './stream-operation.js';

type Rung = 'prefill' | 'continue' | 'anew';

export interface RescueOptions {
  readonly run: ChainRun;
  readonly options: EngineCall;
  /** The stream that broke. */
  readonly broken: OpenStream;
  /** Whether nothing but text and reasoning was sent. */
  readonly continuable: boolean;
  /** The text that the caller has. */
  readonly shown: string;
}

export interface Rescued {
  readonly stream: OpenStream;
  readonly rung: Rung;
  readonly seam: Seam;
  /** The first of what follows. */
  readonly parts: readonly StreamPart[];
  /** Whether the answer starts anew in place of what was shown. */
  readonly replaces: boolean;
}

/** Kinds after which the same model is asked on the next rung: it refused how it was asked, not the work. */
const NEXT_RUNG: ReadonlySet<string> = new Set(['invalid-request', 'context-too-long']);
/** Tokens a model may always write, whatever the first one used of the caller's limit. */
const LEAST_OUTPUT_TOKENS = 16;

/**
 * The rescue ladder: the models that are left, then the one that broke, are asked to go on, to be asked to go on, or to
 * answer anew.
 * @returns undefined where none can
 * @throws MoltbotError `client_closed`, `deadline_exceeded`
 */
export async function rescue(options: RescueOptions): Promise<Rescued | undefined> {
  const { run, broken, continuable } = options;
  const request = continuable ? readRequest(options.options) : undefined;
  if (request === undefined || (request.choices ?? 1) > 1) return undefined;
  const { models } = run;
  for (let position = run.position + 1; position < models.length; position += 1) {
    const model = models[position];
    if (model === undefined) break;
    const rescued = await climb({ ...options, request, model });
    if (rescued === undefined) continue;
    run.position = position;
    return rescued;
  }
  const wait = run.budget.nextBackoff(undefined);
  if (!run.budget.takeRepeat(wait)) return undefined;
  await run.pause(wait);
  return await climb({ ...options, request, model: broken.call.model });
}

/** Undefined where it can't be said in other words: its bytes went through as they were. */
function readRequest({ call }: EngineCall): ChatRequest | undefined {
  try {
    return call.request();
  } catch {
    return undefined;
  }
}

interface ClimbOptions extends RescueOptions {
  readonly request: ChatRequest;
  readonly model: Model;
}

/** One model on its rungs, from the best one down. */
async function climb(options: ClimbOptions): Promise<Rescued | undefined> {
  const { run, model, shown, request } = options;
  const { requestId } = run;
  for (const rung of rungsOf(model, shown, request)) {
    const operation = streamOperation({
      options: options.options,
      role: rung,
      continuation: rung === 'anew' ? undefined : { rung, text: shown, request: rest(request, shown) },
    });
    const tried = await tryAdmitted({ run, operation, model, lastHope: false });
    if (tried.state === 'answered') {
      const rescued = await join(tried.result, rung, options);
      run.parts.observer.rescue?.({ requestId, rung, outcome: rescued === undefined ? 'failed' : 'joined' });
      if (rescued !== undefined) return rescued;
    } else {
      run.parts.observer.rescue?.({ requestId, rung, outcome: 'failed' });
      if (!run.alive) throw run.endedError();
      if (tried.fault.cause !== 'called' || !NEXT_RUNG.has(tried.fault.error.kind)) return undefined;
    }
  }
  return undefined;
}

function rungsOf(model: Model, shown: string, request: ChatRequest): readonly Rung[] {
  if (shown === '') return ['anew'];
  const rungs: Rung[] = [];
  if (model.capabilities.prefill) rungs.push('prefill');
  // A model that is held to JSON would begin a new object: half of one and a whole one are none.
  if (request.responseFormat === undefined || request.responseFormat.type === 'text') rungs.push('continue');
  rungs.push('anew');
  return rungs;
}

/** What is left of the request: less room for the answer, and no form that would make the model begin again. */
function rest(request: ChatRequest, shown: string): ChatRequest {
  const { maxOutputTokens } = request;
  return {
    ...request,
    responseFormat: undefined,
    maxOutputTokens:
      maxOutputTokens === undefined
        ? undefined
        : Math.max(LEAST_OUTPUT_TOKENS, maxOutputTokens - estimatedTokens(shown.length)),
  };
}

/** A good end with not a word added. */
function isSilentStop(parts: readonly StreamPart[], frame: Frame | undefined): boolean {
  const [first] = parts;
  if (first === undefined) return frame === undefined;
  return first.type === 'finish' && (first.reason === 'stop' || first.reason === 'other');
}

/** Whether a text may well be whole: where it stops in the middle, a model's silence does not make it so. */
function endsLikeAnAnswer(shown: string): boolean {
  return /[\p{Sentence_Terminal}\p{Pe}\p{Pf}\p{Emoji_Presentation}"'`*_|>…]\s*$/u.test(shown.slice(-200));
}

/** Reads on until the seam gives something out, or says that this is another answer. */
async function join(stream: OpenStream, rung: Rung, options: RescueOptions): Promise<Rescued | undefined> {
  const { shown } = options;
  const replaces = rung === 'anew' && shown !== '' && options.options.replaceable === true;
  const seam = createSeam({ rung, shown, replaces });
  const { log, ticket } = stream.call;
  const { breaker } = options.run.parts;
  try {
    for (;;) {
      const read = stream.read();
      const frame = read instanceof Promise ? await read : read;
      const parts = frame === undefined ? seam.end() : seam.take(frame.parts);
      if (seam.diverged || (rung !== 'anew' && isSilentStop(parts, frame) && !endsLikeAnAnswer(shown))) break;
      if (parts.length > 0 || frame === undefined) return { stream, rung, seam, parts, replaces };
    }
  } catch (error) {
    const kind = error instanceof ProviderError ? error.kind : 'stream-malformed';
    log.end(kind, stream.usage(false));
    breaker.failed(ticket, kind);
    return undefined;
  }
  stream.cancel();
  // It answered well, only not this answer.
  log.end('cancelled', stream.usage(false));
  breaker.succeeded(ticket);
  return undefined;
}
