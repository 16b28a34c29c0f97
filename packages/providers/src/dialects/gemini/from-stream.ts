import type { StreamPart } from '@moltbot/contracts';
import { ProviderError } from '../../failure.js';
import { createEventSplitter, type ServerSentEvent } from '../../http/event-stream.js';
import { parseJson, readObject } from '../../read-json.js';
import type { Frame, StreamReader } from '../../wire.js';
import { readErrorObject, toProviderError } from './from-error.js';
import { ResponseReader } from './from-response.js';

/** Thought signatures and inline media come in one event each. */
const MAX_EVENT_BYTES = 8_388_608;
const NOTHING: Frame = { bytes: Buffer.alloc(0), parts: [] };

/** Reads `streamGenerateContent?alt=sse`: each event is a GenerateContentResponse, and none says that it is the last. */
export function createStreamReader(): StreamReader {
  return new GeminiStreamReader();
}

class GeminiStreamReader implements StreamReader {
  readonly #splitter = createEventSplitter({ maxEventBytes: MAX_EVENT_BYTES });
  readonly #responses = new ResponseReader({ streamed: true });
  #pending: Frame = NOTHING;

  get finished(): boolean {
    return this.#responses.finished;
  }

  read(chunk: Buffer): Frame {
    this.#pending = NOTHING;
    const { bytes, events } = this.#splitter.push(chunk);
    const parts: StreamPart[] = [];
    for (const event of events) {
      const before = parts.length;
      try {
        this.#readEvent(event, parts);
      } catch (error) {
        parts.length = before;
        this.#pending = { bytes: bytes.subarray(0, event.start), parts };
        throw error;
      }
    }
    return { bytes, parts };
  }

  takePending(): Frame {
    const pending = this.#pending;
    this.#pending = NOTHING;
    return pending;
  }

  #readEvent(event: ServerSentEvent, parts: StreamPart[]): void {
    const value = parseJson(event.data);
    const response = readObject(value);
    if (response !== undefined) {
      this.#responses.read(response, parts);
      return;
    }
    const error = readErrorObject(value);
    if (error !== undefined) throw toProviderError(error, { status: 200, unknown: 'stream-error' });
    throw new ProviderError('stream-malformed', 'An event of the stream is no JSON object.');
  }
}
