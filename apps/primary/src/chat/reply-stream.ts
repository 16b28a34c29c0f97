import type { ServerResponse } from 'node:http';
import type { MoltbotError, StreamPart } from '@moltbot/contracts';
import type { AnswerContext, ServedStream, StreamWriter } from '@moltbot/providers';
import { toDoorError, toMoltbotError } from '../core/http-errors.js';
import { drained } from './drained.js';
import type { Exchange } from './exchange.js';
import type { KeepAlive, KeptAlive } from './keep-alive.js';
import { servedHeaders } from './reply-headers.js';
import { STREAM_TRAILERS, streamTrailers } from './stream-trailers.js';

/**
 * Writes a committed stream to its caller: the upstream's own bytes where the dialects agree, else (and after a rescue) our
 * writer's. Waits for a slow caller; an interrupted answer ends with an error in band, never like a complete one.
 */
export async function replyStream(options: {
  readonly exchange: Exchange;
  readonly response: ServerResponse;
  readonly served: ServedStream;
  readonly context: AnswerContext;
  readonly keepAlive: KeepAlive;
  readonly writeTimeoutMs: number;
}): Promise<void> {
  const { exchange, response, served, keepAlive } = options;
  const { door } = exchange;
  const headers = servedHeaders({
    requestId: exchange.requestId,
    contentType: 'text/event-stream; charset=utf-8',
    served,
  });
  headers.push('cache-control', 'no-cache, no-transform', 'x-accel-buffering', 'no');
  // RFC 9110 section 6.5: only for a caller that says it reads them.
  const takesTrailers = /\btrailers\b/i.test(String(response.req.headers.te));
  if (takesTrailers) headers.push('trailer', STREAM_TRAILERS.join(', '));
  response.writeHead(200, headers);

  const kept: KeptAlive = {
    lastWrite: performance.now(),
    writeKeepAlive: () => response.write(door.keepAlive),
  };
  keepAlive.add(kept);
  const voice = new Voice({ raw: served.sameDialect, createWriter: () => door.createStreamWriter(options.context) });
  let failure: MoltbotError | undefined;
  let callerLeft = false;
  try {
    for await (const frame of served.frames) {
      const chunk = voice.say(frame.bytes, frame.parts);
      if (chunk.length === 0) continue;
      kept.lastWrite = performance.now();
      if (!response.write(chunk) && !(await drained(response, options.writeTimeoutMs))) {
        callerLeft = true;
        exchange.cancel();
        break;
      }
    }
  } catch (error) {
    failure = toMoltbotError(error);
  } finally {
    keepAlive.delete(kept);
  }

  const result = served.result();
  const account = {
    servedBy: result.spans.at(-1)?.target ?? served.model.ref,
    attempts: result.attempts.length,
    usage: result.usage,
    costMicros: result.costMicros,
  };
  if (callerLeft || failure?.code === 'client_closed') {
    response.destroy();
    exchange.end({ outcome: 'cancelled', errorCode: 'client_closed', ...account });
    return;
  }
  if (takesTrailers) response.addTrailers(streamTrailers(result));
  if (failure !== undefined) {
    response.end(voice.writer().error(toDoorError(failure, exchange.requestId)));
    exchange.end({ outcome: 'interrupted', errorCode: failure.code, ...account });
    return;
  }
  response.end(voice.rest());
  exchange.end({ outcome: result.outcome === 'rescued' ? 'rescued' : 'complete', ...account });
}

/** Whose words go out: the upstream's bytes at first, our writer's from the first frame that has none. */
class Voice {
  #writer: StreamWriter | undefined;
  readonly #createWriter: () => StreamWriter;
  /** What the raw bytes meant so far; the writer needs it only if it has to take over. */
  readonly #passed: (readonly StreamPart[])[] = [];
  #ended = false;

  constructor(options: { readonly raw: boolean; readonly createWriter: () => StreamWriter }) {
    this.#createWriter = options.createWriter;
    if (!options.raw) this.#writer = options.createWriter();
  }

  say(bytes: Buffer | undefined, parts: readonly StreamPart[]): Buffer | string {
    if (this.#writer === undefined && bytes !== undefined) {
      this.#passed.push(parts);
      if (parts.length > 0 && parts[parts.length - 1]?.type === 'end') this.#ended = true;
      return bytes;
    }
    return this.writer().write(parts);
  }

  /** What is still to be said after a good end. */
  rest(): string {
    return this.#writer === undefined && this.#ended ? '' : this.writer().end();
  }

  writer(): StreamWriter {
    if (this.#writer === undefined) {
      this.#writer = this.#createWriter();
      const passed = this.#passed.flat();
      const start = passed.find((part) => part.type === 'start');
      this.#writer.resume(passed, { id: start?.id, model: start?.model });
      this.#passed.length = 0;
    }
    return this.#writer;
  }
}
