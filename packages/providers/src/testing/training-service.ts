import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '../caller-request.js';
import {
  RECORDED_CANCELLED,
  RECORDED_CHECKPOINT,
  RECORDED_EVENTS,
  RECORDED_FILE,
  RECORDED_SUCCESS,
  RECORDED_TRAINING,
} from './recorded-training.js';

/** What happens to a request before the service looks at it; or after, where it says so. */
export type TrainingFault =
  | { readonly type: 'status'; readonly status: number; readonly body?: unknown; readonly retryAfter?: number }
  /** No answer, until the client goes. */
  | { readonly type: 'silence' }
  /** It is done, and then the connection breaks instead of the answer. */
  | { readonly type: 'done-and-cut' }
  | { readonly type: 'done-and-silent' }
  | { readonly type: 'slow'; readonly ms: number };

export interface AskedOfService {
  readonly method: string;
  /** Without `/v1`; with the query. */
  readonly path: string;
  readonly token: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface ServiceTraining {
  readonly id: string;
  /** The body it was made with. */
  readonly asked: JsonObject;
  /** How it is told of: laid over the recorded answer. */
  stands: JsonObject;
  events: JsonObject[];
  checkpoints: JsonObject[];
}

/** A service with OpenAI's files and fine-tuning API over real HTTP, which keeps what it is given, and fails on demand. */
export interface TrainingService {
  /** As far as the version. */
  readonly baseUrl: string;
  readonly asked: readonly AskedOfService[];
  readonly files: ReadonlyMap<string, { readonly name: string; readonly content: Buffer }>;
  readonly trainings: readonly ServiceTraining[];
  /** Laid over each new one. Default: it waits. */
  newStands: JsonObject;
  /** The token that is taken; any where not set. */
  token: string | undefined;
  /** Asked of each request; `undefined`: nothing goes wrong. */
  fault: (request: Pick<AskedOfService, 'method' | 'path'>) => TrainingFault | undefined;
  succeed(training: ServiceTraining, more?: JsonObject): void;
  forget(training: ServiceTraining): void;
  close(): Promise<void>;
}

export async function startTrainingService(): Promise<TrainingService> {
  const asked: AskedOfService[] = [];
  const files = new Map<string, { readonly name: string; readonly content: Buffer }>();
  const trainings: ServiceTraining[] = [];
  const server = createServer((request, response) => {
    void take(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const service: TrainingService = {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    files,
    trainings,
    newStands: {},
    token: undefined,
    fault: () => undefined,
    succeed(training, more = {}) {
      training.stands = { ...RECORDED_SUCCESS, ...more };
      training.checkpoints = [{ ...RECORDED_CHECKPOINT, fine_tuning_job_id: training.id }];
      training.events.push(...RECORDED_EVENTS.slice(1).map((event, index) => eventOf(training, index + 1, event)));
    },
    forget(training) {
      trainings.splice(trainings.indexOf(training), 1);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace(/^\/v1/, '');
    const method = request.method ?? '';
    const fault = service.fault({ method, path });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { headers } = request;
    const token = headers.authorization?.replace(/^Bearer /, '');
    const call = { method, path, token, headers, body: Buffer.concat(chunks) };
    asked.push(call);
    if (fault?.type === 'silence') return;
    if (fault?.type === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.ms));
    if (fault?.type === 'status') {
      const more: Record<string, string> =
        fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
      send(response, fault.status, fault.body ?? errorOf(null, 'It does not go.', 'server_error'), more);
      return;
    }
    const known = service.token === undefined || token === service.token;
    const [status, body] = known
      ? answer(call)
      : [401, errorOf('invalid_api_key', 'Incorrect API key provided.', 'invalid_request_error')];
    if (fault?.type === 'done-and-cut') response.destroy();
    else if (fault?.type !== 'done-and-silent') send(response, status, body);
  }

  function answer(call: AskedOfService): readonly [number, unknown] {
    const { pathname, searchParams: query } = new URL(call.path, 'http://service');
    const [, id = '', rest = ''] = /^\/fine_tuning\/jobs\/([^/]+)(\/[a-z]+)?$/.exec(pathname) ?? [];
    const asks = `${call.method} ${pathname}`;
    if (asks === 'POST /files') return [200, keep(call)];
    if (asks === 'GET /files') return page([...files.keys()].toReversed().map(fileObject), query);
    if (asks === 'POST /chat/completions') return [200, chatAnswer(JSON.parse(call.body.toString()) as JsonObject)];
    if (asks === 'POST /fine_tuning/jobs') return create(JSON.parse(call.body.toString()) as JsonObject);
    if (asks === 'GET /fine_tuning/jobs') return page(trainings.toReversed().map(jobObject), query);
    const training = trainings.find((one) => one.id === decodeURIComponent(id));
    if (training === undefined) {
      const error = errorOf(null, `Could not find fine tune: ${id}`, 'invalid_request_error', 'fine_tune_id');
      return [404, error];
    }
    if (rest === '/events') return page(training.events.toReversed(), query);
    if (rest === '/checkpoints') return page(training.checkpoints.toReversed(), query);
    if (rest === '/cancel') training.stands = { ...training.stands, ...RECORDED_CANCELLED };
    return [200, jobObject(training)];
  }

  function keep({ headers, body }: AskedOfService): JsonObject {
    const boundary = /boundary=(.+)$/.exec(headers['content-type'] ?? '')?.[1] ?? '';
    const text = body.toString('latin1');
    const name = /filename="([^"]*)"/.exec(text)?.[1] ?? '';
    const begin = text.indexOf('\r\n\r\n', text.indexOf('filename=')) + 4;
    const end = text.lastIndexOf(`\r\n--${boundary}--`);
    const id = `file-Service${String(files.size + 1).padStart(4, '0')}`;
    files.set(id, { name, content: body.subarray(begin, end) });
    return fileObject(id);
  }

  function fileObject(id: string): JsonObject {
    const { name, content } = files.get(id) ?? { name: '', content: Buffer.alloc(0) };
    return { ...RECORDED_FILE, id, filename: name, bytes: content.length, created_at: nowSeconds() };
  }

  function create(body: JsonObject): readonly [number, unknown] {
    const file = String(body['training_file']);
    if (!files.has(file)) return [400, errorOf('file_not_found', `${file} does not exist`, 'invalid_request_error')];
    const id = `ftjob-Service${trainings.length + 1}`;
    const training: ServiceTraining = { id, asked: body, stands: service.newStands, events: [], checkpoints: [] };
    training.events.push(eventOf(training, 0, RECORDED_EVENTS[0] ?? {}));
    trainings.push(training);
    return [200, jobObject(training)];
  }

  function jobObject({ id, asked: body, stands }: ServiceTraining): JsonObject {
    const { model, training_file, validation_file = null, metadata = null } = body;
    const made = { id, model, training_file, validation_file, metadata, created_at: nowSeconds() };
    return { ...RECORDED_TRAINING, ...made, ...stands };
  }

  return service;
}

function eventOf({ id }: ServiceTraining, index: number, event: JsonObject): JsonObject {
  return { ...event, id: `ftevent-${id}-${index}`, created_at: nowSeconds() };
}

function page(entries: readonly JsonObject[], query: URLSearchParams): readonly [number, unknown] {
  const after = query.get('after');
  const from = after === null ? 0 : entries.findIndex(({ id }) => id === after) + 1;
  const limit = Math.min(Number(query.get('limit') ?? 20), 100);
  return [200, { object: 'list', data: entries.slice(from, from + limit), has_more: entries.length > from + limit }];
}

function chatAnswer({ model }: JsonObject): JsonObject {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: nowSeconds(),
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: `I am ${String(model)}.` }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 },
  };
}

function errorOf(code: string | null, message: string, type: string, param: string | null = null): JsonObject {
  return { error: { message, type, param, code } };
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
