import type { Usage } from '@moltbot/contracts';
import { ProviderError } from '../failure.js';
import type { EmbedCall, EngineCall } from './engine.js';
import { costMicros, estimatedTokens } from './price.js';
import type { Served, ServedAnswer } from './served.js';
import type { Operation, TargetCall } from './try-model.js';
import { send, wholeJson } from './upstream-answer.js';
import { upstreamTurn } from './upstream-turn.js';
import type { ChatWire, WholeAnswer } from '../wire.js';

/** An answer that is not streamed: committed when it is whole and parsed. */
export function answerOperation(options: EngineCall): Operation<ServedAnswer> {
  const { call, headers } = options;
  return {
    role: 'answer',
    scope: 'chat',
    reportsLater: false,
    async send(target): Promise<ServedAnswer> {
      const { model, payer, run, log } = target;
      const sameDialect = call.dialect === model.dialect;
      const request = upstreamTurn({ call, model, stream: false });
      const response = await send({
        call: target,
        request,
        accept: 'application/json',
        callerHeaders: sameDialect ? headers : undefined,
        headersTimeoutMs: run.plan.timeouts.answer,
      });
      const answer = readAnswer({ chat: model.chat, body: await wholeJson(response, target), sameDialect });
      const usage = answer.usage ?? estimatedUsage(answer, call.estimatedInputTokens);
      log.end('ok', usage);
      return {
        ...run.served(model, payer, request.dropped),
        answer,
        sameDialect,
        usage,
        costMicros: costMicros(usage, model.price),
      };
    },
  };
}

export type ServedEmbeddings = Served & {
  readonly bytes: Buffer;
  readonly usage: Usage | undefined;
  readonly costMicros: number | undefined;
};

export function embedOperation(options: EmbedCall): Operation<ServedEmbeddings> {
  const { value, bytes, encoding } = options;
  return {
    role: 'answer',
    scope: 'embeddings',
    reportsLater: false,
    unfitnessOf: (model) =>
      model.embeddings === undefined
        ? { code: 'invalid_request', message: `${model.ref} gives no embeddings` }
        : undefined,
    async send(target): Promise<ServedEmbeddings> {
      const { model, payer, run, log } = target;
      const wire = required(model.embeddings);
      const request = wire.toRequest({ value, bytes, model: model.upstreamName });
      const body = await wholeBody(target, request);
      const { count, ...answer } = wire.fromAnswer({ body, encoding, model: model.ref });
      if (count !== textsIn(value['input'])) {
        throw new ProviderError('not-an-answer', 'The answer does not embed as many texts as were sent');
      }
      log.end('ok', answer.usage);
      return {
        ...run.served(model, payer, request.dropped),
        ...answer,
        costMicros: costMicros(answer.usage, model.price),
      };
    },
  };
}

/** Counting does not wait for a long time: an estimate is at hand. */
export function countOperation(
  options: EngineCall,
): Operation<{ readonly inputTokens: number; readonly served: Served }> {
  const { call } = options;
  return {
    role: 'answer',
    scope: 'count-tokens',
    reportsLater: false,
    unfitnessOf: (model) =>
      model.countTokens === undefined
        ? { code: 'invalid_request', message: `${model.ref} does not count tokens` }
        : undefined,
    async send(target): Promise<{ readonly inputTokens: number; readonly served: Served }> {
      const { model, payer, run, log } = target;
      const wire = required(model.countTokens);
      const request = wire.toRequest({ request: call.request(), model: model.upstreamName });
      const inputTokens = wire.fromAnswer(await wholeBody(target, request));
      log.end('ok');
      return { inputTokens, served: run.served(model, payer, request.dropped) };
    },
  };
}

/** Characters / 4 of all that the request says; images are not counted. */
export function estimatedInputTokens({ call }: EngineCall): number {
  let characters = 0;
  const request = call.request();
  for (const message of request.messages) {
    for (const part of message.content) {
      if (part.type === 'tool-call') characters += part.name.length + part.arguments.length;
      else if (part.type !== 'image') characters += part.text.length;
    }
  }
  for (const tool of request.tools ?? []) characters += JSON.stringify(tool).length;
  return estimatedTokens(characters);
}

async function wholeBody(target: TargetCall, request: Parameters<typeof send>[0]['request']): Promise<Buffer> {
  const headersTimeoutMs = target.run.plan.timeouts.answer;
  return await wholeJson(await send({ call: target, request, accept: 'application/json', headersTimeoutMs }), target);
}

function estimatedUsage(answer: WholeAnswer, inputTokens: number): Usage {
  let bytes = 0;
  for (const part of answer.answer().content) {
    bytes += Buffer.byteLength(part.type === 'tool-call' ? part.name + part.arguments : part.text);
  }
  return { inputTokens, outputTokens: estimatedTokens(bytes), source: 'estimated' };
}

/**
 * A whole answer, in our words at once where they will be needed: what can't be said in them is none, and another model may
 * be asked.
 * @throws ProviderError
 */
function readAnswer(options: {
  readonly chat: ChatWire;
  readonly body: Buffer;
  readonly sameDialect: boolean;
}): WholeAnswer {
  const { chat, body, sameDialect } = options;
  try {
    const given = chat.fromAnswer(body);
    const { bytes, usage } = given;
    if (sameDialect && usage !== undefined) return given;
    const said = given.answer();
    return { bytes, usage, answer: () => said };
  } catch (cause) {
    // JSON that nests too deep for a walk, for one.
    throw cause instanceof ProviderError
      ? cause
      : new ProviderError('not-an-answer', 'The answer can not be read', { cause });
  }
}

/** A text, tokens of one, or a list of either. */
function textsIn(input: unknown): number {
  if (!Array.isArray(input)) return 1;
  return typeof input[0] === 'number' ? 1 : input.length;
}

/** `unfitnessOf` has seen to it. */
function required<Wire>(wire: Wire | undefined): Wire {
  if (wire === undefined) throw new TypeError('a model without this wire was asked');
  return wire;
}
