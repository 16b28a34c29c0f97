import type { ChatAnswer, ChatRequest, StreamPart } from '@moltbot/contracts';
import type { ChatTurn, ChatWire, StreamReader, UpstreamRequest } from '../../wire.js';
import { ProviderError } from '../../failure.js';
import type { Behaviour } from '../../scripted/behaviour.js';
import type { RecordedRequest } from '../../scripted/recorded-request.js';
import { type ScriptedUpstream, startScriptedUpstream } from '../../scripted/scripted-upstream.js';

export const MODEL = 'scripted-model';

/** A conversation of one question. */
export function ask(text: string, more: Partial<ChatRequest> = {}): ChatRequest {
  return { messages: [{ role: 'user', content: [{ type: 'text', text }] }], unknownFields: [], ...more };
}

export function turnOf(request: ChatRequest, more: Partial<ChatTurn> = {}): ChatTurn {
  return { request, model: MODEL, stream: false, streamUsage: true, defaultMaxOutputTokens: 4_096, ...more };
}

/** What came back over the socket, and what the upstream saw. */
interface Exchange {
  readonly sent: UpstreamRequest;
  readonly seen: RecordedRequest;
  readonly response: Response;
  /** The body as far as it came, in the pieces of the socket. */
  readonly chunks: readonly Buffer[];
  readonly body: Buffer;
  readonly broken: boolean;
}

/** One upstream per suite: each exchange sets its behaviour. */
export interface Exchanges {
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
  readonly exchange: (behaviour: Behaviour, turn: ChatTurn) => Promise<Exchange>;
  readonly send: (behaviour: Behaviour, sent: UpstreamRequest) => Promise<Exchange>;
}

/** Sends what a wire makes over a real socket to a scripted upstream of its dialect. */
export function createExchanges(wire: ChatWire): Exchanges {
  let upstream: ScriptedUpstream | undefined;

  async function send(behaviour: Behaviour, sent: UpstreamRequest): Promise<Exchange> {
    if (upstream === undefined) throw new Error('The upstream has not been started.');
    upstream.setScript(behaviour);
    const before = upstream.requests.length;
    const response = await fetch(upstream.baseUrl(wire.dialect) + sent.path, {
      method: 'POST',
      headers: { ...sent.headers },
      body: new Uint8Array(sent.body),
    });
    const seen = upstream.requests[before];
    if (seen === undefined) throw new Error(`The upstream has no route ${sent.path}: ${await response.text()}`);
    const chunks: Buffer[] = [];
    let broken = false;
    try {
      for await (const chunk of response.body ?? []) chunks.push(Buffer.from(chunk));
    } catch {
      broken = true;
    }
    return { sent, seen, response, chunks, body: Buffer.concat(chunks), broken };
  }

  return {
    start: async () => {
      upstream = await startScriptedUpstream({ script: { type: 'answer' }, models: [MODEL] });
    },
    close: async () => upstream?.close(),
    send,
    exchange: (behaviour, turn) => send(behaviour, wire.toRequest(turn)),
  };
}

export interface ReadStream {
  readonly reader: StreamReader;
  readonly parts: readonly StreamPart[];
  readonly bytes: Buffer;
  /** What `read` threw; `parts` then hold the events before it in the same chunk too. */
  readonly error: unknown;
}

/** All that a reader says to these chunks, up to the first throw. */
export function readStream(wire: ChatWire, chunks: readonly Buffer[], keepUsage = true): ReadStream {
  const reader = wire.createStreamReader({ keepUsage });
  const parts: StreamPart[] = [];
  const bytes: Buffer[] = [];
  let error: unknown;
  for (const chunk of chunks) {
    let frame;
    try {
      frame = reader.read(chunk);
    } catch (thrown) {
      error = thrown;
      frame = reader.takePending();
    }
    parts.push(...frame.parts);
    bytes.push(frame.bytes);
    if (error !== undefined) break;
  }
  return { reader, parts, bytes: Buffer.concat(bytes), error };
}

/** What a call throws, which must be a ProviderError. */
export function providerError(call: () => unknown): ProviderError {
  try {
    call();
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
}

export function textOf(parts: readonly StreamPart[], type: 'text-delta' | 'reasoning-delta' | 'refusal-delta'): string {
  return parts.map((part) => (part.type === type && 'text' in part ? part.text : '')).join('');
}

export function contentText(answer: ChatAnswer, type: 'text' | 'reasoning' | 'refusal'): string {
  return answer.content.map((part) => (part.type === type && 'text' in part ? part.text : '')).join('');
}

/** Calls of a stream by their index, arguments joined. */
export function callsOf(parts: readonly StreamPart[]): readonly { id: string; name: string; arguments: string }[] {
  const calls = new Map<number, { id: string; name: string; arguments: string }>();
  for (const part of parts) {
    if (part.type === 'tool-call-start') calls.set(part.index, { id: part.id, name: part.name, arguments: '' });
    if (part.type === 'tool-call-delta') {
      const call = calls.get(part.index);
      if (call === undefined) throw new Error(`Arguments of call ${part.index} came before its start.`);
      call.arguments += part.arguments;
    }
  }
  return [...calls.keys()].sort((one, other) => one - other).flatMap((index) => calls.get(index) ?? []);
}
