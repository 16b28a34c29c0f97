import { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleepFor } from 'node:timers/promises';
import type { Dialect } from '@moltbot/contracts';
import type { JsonObject } from '../caller-request.js';
import { play } from '../demo/play.js';
import { readBody } from '../demo/read-body.js';
import type { Behaviour } from './behaviour.js';
import { dialectEmitters } from './emitters/dialect-emitters.js';
import type { RecordedRequest } from './recorded-request.js';
import { inputTokens, scriptedAnswer, toAction } from './to-action.js';
import { type UpstreamRoute, upstreamRoute } from './upstream-route.js';
import { listModels, wholeBody } from './whole-body.js';

const BODY_LIMIT = 128 * 1_024 * 1_024;

/**
 * What is done with each request: one behaviour for all of them, a list in order (a request beyond its end gets a 500 that
 * says so), or a function. Lists of models take no part.
 */
export type Script = Behaviour | readonly Behaviour[] | ((request: RecordedRequest, index: number) => Behaviour);

export interface ScriptedUpstreamOptions {
  readonly script: Script;
  /** Names that `GET /models` shows. */
  readonly models?: readonly string[] | undefined;
}

export interface ScriptedUpstream {
  /** As far as the version, no trailing slash. */
  readonly baseUrl: (dialect: Dialect) => string;
  /** In the order of arrival; grows. Requests for lists of models are not in it. */
  readonly requests: readonly RecordedRequest[];
  /** Changes what is done from the next request on (a list starts from its first behaviour). */
  readonly setScript: (script: Script) => void;
  /** Resolves when so many requests have come in whole. @throws after `timeoutMs` (5 s) */
  readonly waitForRequests: (count: number, timeoutMs?: number) => Promise<void>;
  /** Resolves with the request when its client has closed before the answer was whole. @throws after `timeoutMs` (5 s) */
  readonly waitForClose: (index: number, timeoutMs?: number) => Promise<RecordedRequest>;
  readonly close: () => Promise<void>;
}

type Recorded = { -readonly [Key in keyof RecordedRequest]: RecordedRequest[Key] };

/** An upstream on a real loopback socket that speaks all four dialects and behaves as its script says. */
export async function startScriptedUpstream(options: ScriptedUpstreamOptions): Promise<ScriptedUpstream> {
  const requests: Recorded[] = [];
  const changes = new EventEmitter().setMaxListeners(0);
  let closing = false;
  const scripted = createScripted({ ...options, requests, changes, isClosing: () => closing });
  const server = createServer((request, response) => void scripted.handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const waitFor = (isThere: () => boolean, what: () => string, timeoutMs = 5_000) =>
    new Promise<void>((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer);
        changes.off('change', check);
      };
      const check = () => {
        if (!isThere()) return;
        finish();
        resolve();
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`After ${timeoutMs} ms ${what()}`));
      }, timeoutMs);
      changes.on('change', check);
      check();
    });

  return {
    baseUrl: (dialect) => `http://127.0.0.1:${port}/${dialect === 'gemini' ? 'v1beta' : 'v1'}`,
    requests,
    setScript: scripted.setScript,
    waitForRequests: (count, timeoutMs) =>
      waitFor(
        () => requests.length >= count,
        () => `the upstream has seen ${requests.length} requests, not ${count}`,
        timeoutMs,
      ),
    waitForClose: async (index, timeoutMs) => {
      await waitFor(
        () => requests[index]?.closedByClientAt !== undefined,
        () => `the client of request ${index} has not closed: ${JSON.stringify({ endedAt: requests[index]?.endedAt })}`,
        timeoutMs,
      );
      return requests[index] as RecordedRequest;
    },
    close: () =>
      new Promise((resolve) => {
        closing = true;
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function createScripted({
  changes,
  isClosing,
  models = ['scripted-model'],
  requests,
  script: firstScript,
}: ScriptedUpstreamOptions & {
  readonly requests: Recorded[];
  readonly changes: EventEmitter;
  readonly isClosing: () => boolean;
}) {
  let script = firstScript;
  let scriptStart = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = performance.now();
    const gone = new AbortController();
    response.on('error', () => gone.abort());
    response.on('close', () => gone.abort());
    try {
      const path = (request.url ?? '').replace(/\?.*$/s, '');
      const route = upstreamRoute(path);
      if (request.method === 'GET' && path.endsWith('/models')) {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(listModels(path, models)));
        return;
      }
      if (route === undefined || request.method !== 'POST') {
        response.writeHead(404, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: { message: `No scripted route for ${request.method} ${path}` } }));
        return;
      }
      const raw = await readBody(request, BODY_LIMIT);
      if (raw === 'too-large') throw new Error('The body is larger than any test sends.');
      await perform({ at, request, response, route, raw, signal: gone.signal });
    } catch {
      // The client left, or the test is over.
      response.destroy();
    }
  }

  async function perform(call: {
    readonly at: number;
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly route: UpstreamRoute;
    readonly raw: Buffer;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { at, raw, request, response, route } = call;
    const emitter = dialectEmitters[route.dialect];
    const body = parseObject(raw);
    const bytesBefore = request.socket.bytesWritten;
    const record: Recorded = {
      at,
      method: request.method ?? '',
      path: request.url ?? '',
      dialect: route.dialect,
      operation: route.operation,
      headers: request.headers,
      body,
      raw,
      model: route.model ?? (typeof body['model'] === 'string' ? body['model'] : ''),
      stream: route.operation === 'chat' && (route.streams || body['stream'] === true),
      turns: emitter.turns(body),
      closedByClientAt: undefined,
      endedAt: undefined,
      bytesWritten: 0,
    };
    const { socket } = request;
    const settle = () => {
      record.bytesWritten = socket.bytesWritten - bytesBefore;
      if (record.endedAt === undefined) {
        if (response.writableFinished || isClosing()) record.endedAt = performance.now();
        else record.closedByClientAt = performance.now();
      }
      changes.emit('change');
    };
    response.once('close', settle);
    const index = requests.push(record) - 1;
    changes.emit('change');

    const behaviour = pick(record, index);
    const answer = scriptedAnswer(behaviour);
    const whole = wholeBody(record);
    await play({
      response,
      action: toAction({ behaviour, emitter, turns: record.turns, stream: record.stream, whole }),
      stream: record.stream,
      emitter,
      context: {
        id: answer.id ?? `scripted-${index}`,
        created: 1_750_000_000,
        model: answer.model ?? record.model,
        includeUsage: (body['stream_options'] as JsonObject | null | undefined)?.['include_usage'] === true,
        inputTokens: (answer.usage === 'none' ? undefined : answer.usage?.inputTokens) ?? inputTokens(record.turns),
        extra: answer.extra ?? {},
      },
      headers: { 'x-request-id': `scripted-${index}` },
      sleep: (ms, signal) => sleepFor(ms, undefined, { signal }),
      signal: call.signal,
      onBreak: () => {
        record.endedAt = performance.now();
      },
    });
  }

  function pick(record: RecordedRequest, index: number): Behaviour {
    if (typeof script === 'function') return script(record, index);
    if (!isList(script)) return script;
    return (
      script[index - scriptStart] ?? {
        type: 'status',
        status: 500,
        error: { code: 'script_exhausted', message: `The script has no behaviour for request ${index - scriptStart}.` },
      }
    );
  }

  return {
    handle,
    setScript: (next: Script) => {
      script = next;
      scriptStart = requests.length;
    },
  };
}

function isList(script: Behaviour | readonly Behaviour[]): script is readonly Behaviour[] {
  return Array.isArray(script);
}

function parseObject(raw: Buffer): JsonObject {
  try {
    const value: unknown = JSON.parse(raw.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    return {};
  }
}
