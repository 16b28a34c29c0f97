import type { StreamPart } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { ProviderError } from '../../failure.js';
import { createEventSplitter, type ServerSentEvent } from '../../http/event-stream.js';
import { parseJson, readCount, readList, readObject, readText } from '../../read-json.js';
import type { Frame, StreamReader } from '../../wire.js';
import { toProviderError } from './from-error.js';
import { OutputReader, outputIndex } from './from-output.js';
import { OutputPosition, rememberPosition } from './output-position.js';
import { fromUsage } from './from-usage.js';

/** The first event and the last ones repeat instructions and tools, the last one the whole answer too. */
const MAX_EVENT_BYTES = 8_388_608;
const NOTHING: Frame = { bytes: Buffer.alloc(0), parts: [] };

/** Reads the event stream of a response; `response.completed` and `response.incomplete` are its good ends. */
export function createStreamReader(): StreamReader {
  return new ResponsesStreamReader();
}

class ResponsesStreamReader implements StreamReader {
  finished = false;
  readonly #splitter = createEventSplitter({ maxEventBytes: MAX_EVENT_BYTES });
  readonly #output = new OutputReader();
  readonly #position = new OutputPosition();
  #started = false;
  #pending: Frame = NOTHING;

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
    // Some servers close with the marker of chat completions.
    if (event.data === '[DONE]') return;
    const value = readObject(parseJson(event.data));
    if (value === undefined) {
      throw new ProviderError('stream-malformed', 'An event of the stream is no JSON object.');
    }
    const before = parts.length;
    this.#readValue(value, parts);
    this.#position.note(value, event.data.length, parts, before);
  }

  #readValue(value: JsonObject, parts: StreamPart[]): void {
    switch (value['type']) {
      case 'response.output_text.delta':
        this.#output.text(outputIndex(value), value['delta'], parts);
        return;
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        this.#output.reasoning(outputIndex(value), value['delta'], parts);
        return;
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        this.#output.callArguments(outputIndex(value), value['delta'], parts);
        return;
      case 'response.refusal.delta':
        this.#output.refusal(outputIndex(value), value['delta'], parts);
        return;
      case 'response.reasoning_summary_part.added':
        if ((readCount(value['summary_index']) ?? 0) > 0) this.#output.paragraph(outputIndex(value), parts);
        return;
      case 'response.output_item.added':
        this.#output.added(outputIndex(value), value['item'], parts);
        return;
      case 'response.output_item.done':
        this.#output.done(outputIndex(value), value['item'], parts);
        return;
      default:
        this.#readState(value, parts);
    }
  }

  /** Events of the response as such. */
  #readState(event: JsonObject, parts: StreamPart[]): void {
    const response = readObject(event['response']);
    switch (event['type']) {
      case 'response.created':
      case 'response.in_progress':
      case 'response.queued':
        this.#start(response, parts);
        return;
      case 'response.completed':
      case 'response.incomplete':
        this.#start(response, parts);
        this.#finish(response ?? {}, event['type'] === 'response.incomplete', parts);
        return;
      case 'response.failed':
      case 'response.cancelled':
        throw toProviderError(readObject(response?.['error']), { status: 200, unknown: 'stream-error' });
      case 'error':
        // The event is the error; some servers put it one level down.
        throw toProviderError(readObject(event['error']) ?? event, { status: 200, unknown: 'stream-error' });
      default:
        if (event['type'] === undefined && event['error'] !== undefined) {
          throw toProviderError(readObject(event['error']), { status: 200, unknown: 'stream-error' });
        }
    }
  }

  #start(response: JsonObject | undefined, parts: StreamPart[]): void {
    if (this.#started || response === undefined) return;
    this.#started = true;
    const start: StreamPart = { type: 'start', id: readText(response['id']), model: readText(response['model']) };
    rememberPosition(start, this.#position);
    parts.push(start);
  }

  #finish(response: JsonObject, incomplete: boolean, parts: StreamPart[]): void {
    if (this.finished) return;
    for (const [index, item] of readList(response['output']).entries()) this.#output.done(index, item, parts);
    const status = incomplete ? 'incomplete' : readText(response['status']);
    parts.push({ type: 'finish', choice: 0, reason: this.#output.finishReason({ ...response, status }) });
    const usage = fromUsage(response['usage']);
    if (usage !== undefined) parts.push({ type: 'usage', usage });
    parts.push({ type: 'end' });
    this.finished = true;
  }
}
