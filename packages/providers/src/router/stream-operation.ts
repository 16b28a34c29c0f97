import type { CallerRequest } from '../caller-request.js';
import { ProviderError } from '../failure.js';
import type { UpstreamResponse } from '../http/upstream.js';
import type { EngineCall } from './engine.js';
import { OpenStream } from './open-stream.js';
import type { Operation, TargetCall } from './try-model.js';
import { contentType, send, wholeJson } from './upstream-answer.js';
import { upstreamTurn, type UpstreamTurnOptions } from './upstream-turn.js';

export interface StreamOperationOptions {
  readonly options: EngineCall;
  /** `answer`, or the rung of the rescue ladder. */
  readonly role: Operation<OpenStream>['role'];
  readonly continuation?: UpstreamTurnOptions['continuation'];
}

/** Opens a stream and reads it as far as its first content: until then every failure may fall over. */
export function streamOperation({ options, role, continuation }: StreamOperationOptions): Operation<OpenStream> {
  const { call, headers } = options;
  return {
    role,
    scope: 'chat',
    reportsLater: true,
    async send(target): Promise<OpenStream> {
      const { model, run, log } = target;
      const { timeouts } = run.plan;
      const request = upstreamTurn({ call, model, stream: true, continuation });
      const firstContentDueAt = log.startedElapsed + timeouts.first_content;
      const response = await openBy(firstContentDueAt, target, () =>
        send({
          call: target,
          request,
          accept: 'text/event-stream',
          callerHeaders: call.dialect === model.dialect ? headers : undefined,
          headersTimeoutMs: Math.min(timeouts.headers, firstContentDueAt - run.parts.elapsed()),
        }),
      );
      await refuseWhole(response, target);
      const stream = new OpenStream({
        call: target,
        response,
        reader: model.chat.createStreamReader({
          keepUsage: call.wantsStreamUsage,
          choices: continuation === undefined && call.dialect === model.dialect ? choicesOf(call) : 1,
        }),
        firstContentDueAt,
        dropped: request.dropped,
        estimatedInputTokens: call.estimatedInputTokens,
      });
      await stream.untilContent();
      log.committed();
      return stream;
    },
  };
}

/** Only OpenAI's chat dialect gives several. */
function choicesOf(call: CallerRequest): number {
  if (call.dialect !== 'openai-chat') return 1;
  const choices = call.scanned === undefined ? call.value['n'] : call.scanned.read('n');
  return typeof choices === 'number' && choices > 1 ? choices : 1;
}

/** Headers that come later than the first content is due are late content. */
async function openBy(
  dueAt: number,
  { run }: TargetCall,
  open: () => Promise<UpstreamResponse>,
): Promise<UpstreamResponse> {
  try {
    return await open();
  } catch (error) {
    const late = error instanceof ProviderError && error.kind === 'response-timeout' && error.status === undefined;
    // A timer may fire a little early.
    if (!late || run.parts.elapsed() < dueAt - 5) throw error;
    throw new ProviderError('first-content-late', 'The first content did not come in time', { cause: error });
  }
}

/** A body that is no event stream: an error object in a 200, a page, a whole answer that nobody asked for. */
async function refuseWhole(response: UpstreamResponse, target: TargetCall): Promise<void> {
  const type = contentType(response);
  if (type === '' || type.includes('event-stream')) return;
  const { status } = response;
  // Throws what an error object says.
  if (type.includes('json')) target.model.chat.fromAnswer(await wholeJson(response, target));
  response.cancel();
  throw new ProviderError('not-an-answer', 'The answer is no event stream', { status });
}
