import { createHash } from 'node:crypto';
import type { StreamPart, Usage } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import { ProviderError } from '../../failure.js';
import { readCount, readList, readObject, readText } from '../../read-json.js';
import { readErrorObject, toProviderError } from './from-error.js';
import { fromFinishReason } from './from-finish-reason.js';
import { fromUsage } from './from-usage.js';

/** Ids that every vendor's API takes back, should the conversation move on. */
const PORTABLE_ID = /^[A-Za-z0-9_-]{1,40}$/;

/** Reads GenerateContentResponses, the one of a whole answer or the many of a stream, as parts. */
export class ResponseReader {
  /** Whether the candidate has said why it stopped: Gemini's only end marker. */
  finished = false;
  readonly #streamed: boolean;
  #started = false;
  #hasContent = false;
  #responseId: string | undefined;
  #calls = 0;
  #usage: Usage | undefined;

  constructor(options: { readonly streamed: boolean }) {
    this.#streamed = options.streamed;
  }

  /**
   * Adds what one response says to `parts`.
   * @throws ProviderError for an error object, a refused prompt, or an answer that the model botched
   */
  read(response: JsonObject, parts: StreamPart[]): void {
    if (response['error'] !== undefined) {
      const unknown = this.#streamed ? 'stream-error' : 'not-an-answer';
      throw toProviderError(readErrorObject(response), { status: 200, unknown });
    }
    if (!this.#started) {
      this.#started = true;
      this.#responseId = readText(response['responseId']);
      parts.push({ type: 'start', id: this.#responseId, model: readText(response['modelVersion']) });
    }
    const reported = response['usageMetadata'];
    let reason: string | undefined;
    for (const item of readList(response['candidates'])) {
      const candidate = readObject(item);
      if (candidate === undefined) continue;
      const choice = readCount(candidate['index']) ?? 0;
      this.#readContent(candidate, choice, response, parts);
      const finishReason = readText(candidate['finishReason']);
      if (finishReason !== undefined) {
        this.#finish(finishReason, choice, parts);
        reason = finishReason;
      }
    }
    if (!this.finished) this.#readFeedback(response, parts);
    // The counts of every response are sums so far: only the last one is worth reading.
    if (this.finished && reported !== undefined) {
      const usage = fromUsage(reported);
      if (usage !== undefined) {
        this.#usage = usage;
        parts.push({ type: 'usage', usage });
      }
      if (reason !== undefined) parts.push({ type: 'end' });
    }
  }

  get usage(): Usage | undefined {
    return this.#usage;
  }

  #readContent(candidate: JsonObject, choice: number, response: JsonObject, parts: StreamPart[]): void {
    const content = readObject(candidate['content']);
    if (content === undefined) return;
    for (const item of readList(content['parts'])) {
      const part = readObject(item);
      if (part === undefined) continue;
      const text = part['text'];
      if (typeof text === 'string') {
        if (text === '') continue;
        this.#hasContent = true;
        parts.push({ type: part['thought'] === true ? 'reasoning-delta' : 'text-delta', choice, text });
        continue;
      }
      const call = readObject(part['functionCall']);
      if (call !== undefined) this.#readCall(call, part, choice, response, parts);
    }
  }

  #readCall(call: JsonObject, part: JsonObject, choice: number, response: JsonObject, parts: StreamPart[]): void {
    const name = readText(call['name']);
    if (name === undefined) return;
    const index = this.#calls;
    this.#calls += 1;
    this.#hasContent = true;
    parts.push(
      {
        type: 'tool-call-start',
        choice,
        index,
        id: this.#callId(call, index, response),
        name,
        signature: readText(part['thoughtSignature']),
      },
      { type: 'tool-call-delta', choice, index, arguments: JSON.stringify(call['args'] ?? {}) },
    );
  }

  /** Older models give no id. One made of the response's own is unique in the conversation, and the same when read again. */
  #callId(call: JsonObject, index: number, response: JsonObject): string {
    const given = readText(call['id']);
    if (given !== undefined && PORTABLE_ID.test(given)) return given;
    const made = `call_${(this.#responseId ?? '').slice(-28)}_${index}`;
    if (this.#responseId !== undefined && PORTABLE_ID.test(made)) return made;
    const hash = createHash('sha256')
      .update(JSON.stringify([this.#responseId, response]))
      .digest('hex');
    return `call_${hash.slice(0, 24)}_${index}`;
  }

  #finish(reason: string, choice: number, parts: StreamPart[]): void {
    const outcome = fromFinishReason(reason, this.#calls > 0);
    if (outcome === 'fault') {
      const kind = this.#streamed ? 'stream-error' : 'server-error';
      throw new ProviderError(kind, 'Gemini stopped because of a fault of the model.', {
        status: 200,
        providerCode: reason,
      });
    }
    this.finished = true;
    parts.push({ type: 'finish', choice, reason: outcome });
  }

  #readFeedback(response: JsonObject, parts: StreamPart[]): void {
    const reason = readText(readObject(response['promptFeedback'])?.['blockReason']);
    // `BLOCK_REASON_UNSPECIFIED` (`BLOCKED_…` on Vertex) is the enum's empty value.
    if (reason === undefined || reason.endsWith('_UNSPECIFIED')) return;
    if (!this.#hasContent) {
      throw new ProviderError('content-filtered', 'Gemini refused the prompt.', {
        status: 200,
        providerCode: reason,
        callerMessage: `Gemini refused the prompt (${reason.slice(0, 100)}).`,
      });
    }
    this.finished = true;
    parts.push({ type: 'finish', choice: 0, reason: 'content-filter' });
  }
}
