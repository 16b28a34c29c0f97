import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleepFor } from 'node:timers/promises';
import type { JsonObject } from '../caller-request.js';
import { demoChatAction, demoFault, json, refusal } from './demo-action.js';
import { demoEmbeddings } from './demo-embeddings.js';
import { createDemoTraining } from './demo-training.js';
import { type DemoDirectives, parseDemoModel, withoutFaults } from './directives.js';
import type { EmitContext, EmittedError } from './emitter.js';
import { openAiChatEmitter } from './openai-chat-emitter.js';
import { play, type Sleep } from './play.js';
import { readBody } from './read-body.js';
import { estimateTokens } from './tokens.js';
import type { UpstreamAction } from './upstream-action.js';

const BODY_LIMIT = 32 * 1_024 * 1_024;
/** Names with `times` that are counted at once; the oldest is forgotten beyond it. */
const MAX_COUNTED_NAMES = 10_000;
/** What `GET /v1/models` shows: names to start with, not all that are taken. */
const LISTED_MODELS = ['assistant', 'assistant,rate=30ms', 'status=503', 'cut=40', 'stall=40', 'slow=3s', 'tool'];

export interface DemoUpstreamOptions {
  readonly host?: '127.0.0.1' | '::1' | undefined;
  /** 0: any free one. */
  readonly port?: number | undefined;
  /** Unix milliseconds. */
  readonly now?: (() => number) | undefined;
  readonly sleep?: Sleep | undefined;
  readonly createId?: (() => string) | undefined;
  /** The server alone does not keep the process alive. */
  readonly unref?: boolean | undefined;
}

export interface DemoUpstream {
  /** As far as the version: `http://127.0.0.1:40123/v1`. */
  readonly baseUrl: string;
  /** Ends every connection at once. */
  readonly close: () => Promise<void>;
}

/**
 * The built-in demo model: an upstream on a loopback socket that speaks OpenAI's chat completions, answers with text that is
 * always labelled SIMULATED, and fails on purpose as the model's name says (`demoDirectives`).
 */
export async function startDemoUpstream(options: DemoUpstreamOptions = {}): Promise<DemoUpstream> {
  const host = options.host ?? '127.0.0.1';
  const demo = createDemo(options);
  const server = createServer((request, response) => void demo.handle(request, response));
  if (options.unref) server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://${host === '::1' ? '[::1]' : host}:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Reply {
  readonly action: UpstreamAction;
  readonly stream: boolean;
  readonly model: string;
  readonly inputTokens: number;
  readonly includeUsage: boolean;
}

function createDemo(options: DemoUpstreamOptions) {
  const {
    createId = randomUUID,
    now = Date.now,
    sleep = (ms, signal) => sleepFor(ms, undefined, { signal }),
  } = options;
  const takeCall = createCallCounter();
  const training = createDemoTraining({ now, createId });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on('error', () => gone.abort());
    response.on('close', () => gone.abort());
    try {
      const id = createId();
      const reply = await answer(request);
      await play({
        response,
        action: reply.action,
        stream: reply.stream,
        emitter: openAiChatEmitter,
        context: toContext(reply, id, now()),
        headers: { 'x-simulated': 'true', 'x-request-id': id },
        sleep,
        signal: gone.signal,
      });
    } catch {
      // The client left, or the server closes: nobody is there to be told.
      response.destroy();
    }
  }

  async function answer(request: IncomingMessage): Promise<Reply> {
    const path = (request.url ?? '').replace(/\?.*$/s, '');
    if (request.method === 'GET' && path === '/v1/models') return only(json(200, listModels(now())));
    if (/^\/v1\/(files|fine_tuning\/jobs)(\/|$)/.test(path)) return trained(request, path.slice('/v1'.length));
    const kind = ({ '/v1/chat/completions': 'chat', '/v1/embeddings': 'embeddings' } as const)[path];
    if (kind === undefined || request.method !== 'POST') {
      return only(refusal({ status: 404, code: 'not_found', message: 'The demo has no such route.' }));
    }
    const bytes = await readBody(request, BODY_LIMIT);
    if (bytes === 'too-large') {
      return only(
        refusal({ status: 413, message: `The body is larger than ${BODY_LIMIT} bytes.` }, { connection: 'close' }),
      );
    }
    const body = parseObject(bytes);
    if (body === undefined) return only(refusal({ status: 400, message: 'The body is not a JSON object.' }));
    const { model } = body;
    if (typeof model !== 'string' || model === '') {
      return only(refusal({ status: 400, param: 'model', message: '`model` must be the name of a model.' }));
    }
    const parsed = parseDemoModel(model);
    if (!parsed.ok) {
      return only(refusal({ status: 404, code: 'model_not_found', param: 'model', message: parsed.message }));
    }
    const directives = takeCall(model, parsed.directives);
    return kind === 'chat' ? chat(model, directives, body) : embed(model, directives, body);
  }

  async function trained(request: IncomingMessage, path: string): Promise<Reply> {
    const bytes = await readBody(request, BODY_LIMIT);
    if (bytes === 'too-large') {
      const message = `The demo takes files of up to ${BODY_LIMIT} bytes.`;
      return only(refusal({ status: 413, message }, { connection: 'close' }));
    }
    const answer = training({ method: request.method ?? '', path, bytes });
    if (answer === undefined) {
      return only(refusal({ status: 404, code: 'not_found', message: 'The demo has no such route.' }));
    }
    return only(isError(answer) ? refusal(answer) : json(200, answer));
  }

  function chat(model: string, directives: DemoDirectives, body: JsonObject): Reply {
    const turns = openAiChatEmitter.turns(body);
    if (turns.length === 0) {
      return only(refusal({ status: 400, param: 'messages', message: '`messages` must hold at least one message.' }));
    }
    const inputTokens = turns.reduce((sum, turn) => sum + estimateTokens(turn.text) + 3, 0);
    return {
      action: demoChatAction({ model, directives, body, inputTokens, now: now() }),
      stream: body['stream'] === true,
      model,
      inputTokens,
      includeUsage: (body['stream_options'] as JsonObject | null | undefined)?.['include_usage'] === true,
    };
  }

  function embed(model: string, directives: DemoDirectives, body: JsonObject): Reply {
    const fault = demoFault({ model, directives, body, inputTokens: 0, now: now() });
    if (fault !== undefined) return only(fault);
    const answer = demoEmbeddings(body);
    return only(isError(answer) ? refusal(answer) : { ...json(200, answer), delayMs: directives.slow });
  }

  return { handle };
}

/** Counts the calls of names with `times`, and gives what the name asks for this time. */
function createCallCounter(): (model: string, directives: DemoDirectives) => DemoDirectives {
  const calls = new Map<string, number>();
  return (model, directives) => {
    if (directives.times === undefined) return directives;
    const before = calls.get(model) ?? 0;
    calls.delete(model);
    calls.set(model, before + 1);
    const oldest = calls.size > MAX_COUNTED_NAMES ? calls.keys().next().value : undefined;
    if (oldest !== undefined) calls.delete(oldest);
    return before < directives.times ? directives : withoutFaults(directives);
  };
}

function only(action: UpstreamAction): Reply {
  return { action, stream: false, model: '', inputTokens: 0, includeUsage: false };
}

function toContext(reply: Reply, id: string, now: number): EmitContext {
  return {
    id: `chatcmpl-${id}`,
    created: Math.floor(now / 1_000),
    model: reply.model,
    includeUsage: reply.includeUsage,
    inputTokens: reply.inputTokens,
    extra: { system_fingerprint: 'simulated', simulated: true },
  };
}

function listModels(now: number): JsonObject {
  const created = Math.floor(now / 1_000);
  return {
    object: 'list',
    data: LISTED_MODELS.map((id) => ({ id, object: 'model', created, owned_by: 'moltbot-demo', simulated: true })),
  };
}

function parseObject(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** A job has a status too, in a word. */
function isError(value: JsonObject | EmittedError): value is EmittedError {
  return typeof value['status'] === 'number';
}
