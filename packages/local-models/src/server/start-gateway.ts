import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MoltbotError } from '@moltbot/contracts';
import type { ChatHandlers, ChatResult } from '../engine/start-engine.js';
import type { ChatOrder } from '../engine/engine-protocol.js';
import { type AnswerNames, chunkEvent, errorBody, event, usageEvent, wholeAnswer } from './chat-objects.js';
import { type ChatRequestBody, readChatRequest } from './read-chat-request.js';

const BODY_LIMIT = 32 * 1_048_576;
/** A prompt that is read for longer begins its stream without a word, so that nobody takes the model for dead. */
const SILENT_FOR_MS = 1_000;
const KEEP_ALIVE_MS = 10_000;

export interface Gateway {
  /** As far as the version: `http://127.0.0.1:40123/v1`. */
  readonly baseUrl: string;
  /** Sent as `Authorization: Bearer`. */
  readonly token: string;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

export interface GatewayOptions {
  readonly models: () => readonly string[];
  /** @throws MoltbotError; the signal's reason */
  readonly chat: (model: string, order: ChatOrder, handlers: ChatHandlers, signal: AbortSignal) => Promise<ChatResult>;
}

/** Local models on a loopback socket that speaks OpenAI's chat completions to whoever knows the token. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const token = randomBytes(32).toString('base64url');
  const server = createServer((request, response) => void handle(options, token, request, response));
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    token,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(
  options: GatewayOptions,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.on('error', () => gone.abort());
  response.on('close', () => gone.abort());
  try {
    assertToken(request, token);
    const path = (request.url ?? '').replace(/\?.*$/s, '');
    if (request.method === 'GET' && path === '/v1/models') return sendJson(response, 200, modelList(options.models()));
    if (request.method !== 'POST' || path !== '/v1/chat/completions') throw new MoltbotError('not_found');
    const body = readChatRequest(await readBody(request));
    await (body.stream ? stream : whole)({ options, body, response, signal: gone.signal });
  } catch (error) {
    fail(response, error);
  }
}

/** A broken-down engine breaks the connection off, as any other dead server would: no half answer looks whole. */
function fail(response: ServerResponse, error: unknown): void {
  if (!(error instanceof MoltbotError) || response.destroyed) return void response.destroy();
  if (!response.headersSent) {
    const wait = error.retryAfterMs;
    const headers = wait === undefined ? undefined : { 'retry-after-ms': String(Math.ceil(wait)) };
    return sendJson(response, error.http, errorBody(error), headers);
  }
  if (error.code === 'model_load_failed') return void response.destroy();
  response.end(event(errorBody(error)));
}

interface Answering {
  readonly options: GatewayOptions;
  readonly body: ChatRequestBody;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
}

async function whole({ options, body, response, signal }: Answering): Promise<void> {
  let text = '';
  let reasoning = '';
  const onText = (piece: string, isReasoning: boolean): void => {
    if (isReasoning) reasoning += piece;
    else text += piece;
  };
  const result = await options.chat(body.model, body.order, { onText }, signal);
  if (result.end === 'cancelled') return void response.destroy();
  sendJson(response, 200, wholeAnswer(namesOf(body), { text, reasoning, result }));
}

async function stream({ options, body, response, signal }: Answering): Promise<void> {
  const names = namesOf(body);
  const open = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
    response.write(chunkEvent(names, { role: 'assistant', content: '' }));
  };
  const silence = setTimeout(open, SILENT_FOR_MS);
  const keepAlive = setInterval(() => {
    if (response.headersSent && !response.writableNeedDrain) response.write(': keep-alive\n\n');
  }, KEEP_ALIVE_MS);
  const onText = (piece: string, isReasoning: boolean): void => {
    open();
    response.write(chunkEvent(names, isReasoning ? { reasoning_content: piece } : { content: piece }));
  };
  try {
    const result = await options.chat(body.model, body.order, { onText }, signal);
    if (result.end === 'cancelled') return void response.destroy();
    open();
    const usage = body.includeUsage ? usageEvent(names, result) : '';
    response.end(`${chunkEvent(names, {}, result.end)}${usage}data: [DONE]\n\n`);
  } finally {
    clearTimeout(silence);
    clearInterval(keepAlive);
  }
}

function namesOf({ model }: ChatRequestBody): AnswerNames {
  return { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1_000), model };
}

/** @throws MoltbotError `invalid_api_key` */
function assertToken({ headers }: IncomingMessage, token: string): void {
  const sent = Buffer.from(headers.authorization ?? '');
  const expected = Buffer.from(`Bearer ${token}`);
  if (sent.length !== expected.length || !timingSafeEqual(sent, expected)) throw new MoltbotError('invalid_api_key');
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw new MoltbotError('payload_too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function modelList(models: readonly string[]): object {
  return { object: 'list', data: models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'moltbot' })) };
}

function sendJson(
  response: ServerResponse,
  status: number,
  value: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': bytes.length });
  response.end(bytes);
}
