import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Settings, settingsSchema } from '@moltbot/config';
import { type AttemptRecord, MoltbotError, type StreamPart } from '@moltbot/contracts';
import { createMemoryState } from '@moltbot/state';
import { createCallerRequest, type JsonObject } from '../src/caller-request.js';
import { createModel, createProvider } from '../src/catalogue.js';
import { readBody } from '../src/demo/read-body.js';
import { anthropicMessagesDoor } from '../src/dialects/anthropic-messages/door.js';
import { openAiChatDoor } from '../src/dialects/openai-chat/door.js';
import { openAiResponsesDoor } from '../src/dialects/openai-responses/door.js';
import type { DialectDoor, DoorError } from '../src/dialect-door.js';
import { createNetwork } from '@moltbot/network';
import { createUpstreamClient } from '../src/http/upstream-client.js';
import { createFailoverEngine } from '../src/router/failover-engine.js';
import type { ServedStream } from '../src/router/served.js';
import type { Model } from '../src/target.js';

/** A target of the chain behind a truncation server. */
export interface ServedTarget {
  readonly kind: 'openai' | 'responses' | 'anthropic' | 'gemini';
  readonly baseUrl: string;
  readonly prefill?: boolean | undefined;
}

export interface TruncationServer {
  /** Without the version. */
  readonly origin: string;
  /** What went out last, byte by byte. */
  readonly lastBody: () => string;
  readonly attempts: AttemptRecord[];
  /** The chain of the next requests, in order. */
  readonly setTargets: (targets: readonly ServedTarget[], settings?: JsonObject) => void;
  readonly close: () => Promise<void>;
}

/** The plainest HTTP server over the engine and all doors: what it writes is what a caller gets. */
export async function startTruncationServer(): Promise<TruncationServer> {
  const state = createMemoryState();
  const client = createUpstreamClient({ network: createNetwork({ maxConnections: 64 }) });
  const attempts: AttemptRecord[] = [];
  let settings = settingsOf({});
  let models: readonly Model[] = [];
  let lastBody = '';
  const engine = createFailoverEngine({
    clientFor: () => client,
    vault: {
      credentialsFor: () => [],
      tokenFor: () => {
        throw new MoltbotError('credential_missing');
      },
      refreshAfterRejection: async () => false,
    },
    state,
    settings: () => settings,
    observer: { attempt: (record) => attempts.push(record) },
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const door = doorOf(request.url ?? '');
    const bytes = await readBody(request, 1_000_000);
    if (bytes === 'too-large') throw new Error('too large');
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    lastBody = '';
    const say = (text: string | Buffer): void => {
      lastBody += text.toString();
      response.write(text);
    };
    try {
      const call = createCallerRequest({ requestId: 'request-1', door, bytes });
      const { retry_policy: retryPolicy } = settings.models;
      const plan = { name: 'default', models, retryPolicy, timeouts: settings.timeouts, policyChain: undefined };
      const context = {
        id: 'answer-1',
        created: 1,
        model: 'a:b',
        includeUsage: call.wantsStreamUsage,
        estimatedInputTokens: 1,
        asked: call,
      };
      if (call.stream) {
        const stream = await engine.stream({ call, plan, signal: gone.signal, replaceable: door.replaces });
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        await sayStream({ stream, say, writer: () => door.createStreamWriter(context) });
      } else {
        const served = await engine.answer({ call, plan, signal: gone.signal });
        response.writeHead(200, { 'content-type': 'application/json' });
        say(
          served.sameDialect
            ? served.answer.bytes
            : JSON.stringify(door.toAnswer(served.answer.answer(), { ...context, model: served.model.ref })),
        );
      }
    } catch (error) {
      if (!(error instanceof MoltbotError)) throw error;
      response.writeHead(error.http, { 'content-type': 'application/json', 'x-should-retry': 'false' });
      say(JSON.stringify(door.toError(toDoorError(error))));
    }
    response.end();
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  return {
    origin: await listen(server),
    lastBody: () => lastBody,
    attempts,
    setTargets: (targets, input = {}) => {
      settings = settingsOf(input);
      models = targets.map((target, index) => modelOf(target, index));
    },
    close: async () => {
      engine.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await client.close();
      await state.close();
    },
  };
}

function doorOf(url: string): DialectDoor {
  if (url.endsWith('/messages')) return anthropicMessagesDoor;
  return url.endsWith('/responses') ? openAiResponsesDoor : openAiChatDoor;
}

/** The upstream's bytes as long as they come, then the writer's words. */
async function sayStream(options: {
  readonly stream: ServedStream;
  readonly say: (text: string | Buffer) => void;
  readonly writer: () => ReturnType<DialectDoor['createStreamWriter']>;
}): Promise<void> {
  const { stream, say } = options;
  const passed: StreamPart[] = [];
  let writer = stream.sameDialect ? undefined : options.writer();
  const takeOver = (shown?: string): NonNullable<typeof writer> => {
    if (writer === undefined) {
      const start = passed.find((part) => part.type === 'start');
      writer = options.writer();
      writer.resume(passed, { id: start?.id, model: start?.model, shown });
    }
    return writer;
  };
  try {
    for await (const { bytes, parts, segment } of stream.frames) {
      if (writer === undefined && bytes !== undefined) {
        passed.push(...parts);
        say(bytes);
        continue;
      }
      const speaker = takeOver(segment?.shown);
      if (segment !== undefined) say(speaker.segment?.({ model: segment.model.ref, replaces: segment.replaces }) ?? '');
      say(speaker.write(parts));
    }
    if (writer !== undefined || passed.at(-1)?.type !== 'end') say(takeOver().end());
  } catch (error) {
    if (!(error instanceof MoltbotError)) throw error;
    say(takeOver().error(toDoorError(error)));
  }
}

function toDoorError({ code, http, message, param, attempts }: MoltbotError): DoorError {
  return { code, http, message, param, attempts, requestId: 'request-1' };
}

function settingsOf(input: JsonObject): Settings {
  return settingsSchema.parse({
    models: { retry_policy: { initial_backoff: '1ms', max_backoff: '2ms', max_attempts: 1 } },
    timeouts: { gap: '40ms', answer: '300ms', first_content: '1s', headers: '1s' },
    breaker: { failures: 1_000 },
    ...input,
  });
}

function modelOf({ kind, baseUrl, prefill }: ServedTarget, index: number): Model {
  const { providers } = settingsSchema.parse({
    providers: {
      [`p${index}`]: {
        kind: kind === 'responses' ? 'openai' : kind,
        api: kind === 'responses' ? 'responses' : 'chat',
        base_url: baseUrl,
        requires_credential: false,
        models: { m: { prefill } },
      },
    },
  });
  const settings = providers[`p${index}`];
  if (settings === undefined) throw new Error('no settings');
  return createModel(createProvider(`p${index}`, settings), 'm');
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
