import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { DialectEmitter, EmitContext, EventWriter } from './emitter.js';
import { brokenJson } from './event-text.js';
import type { PerformAction, RespondAction, UpstreamAction } from './upstream-action.js';

/** Waits so many milliseconds; rejects when `signal` fires. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<unknown>;

export interface PlayOptions {
  readonly response: ServerResponse;
  readonly action: UpstreamAction;
  readonly emitter: DialectEmitter;
  readonly context: EmitContext;
  readonly stream: boolean;
  /** Sent with every response of this upstream. */
  readonly headers: Readonly<Record<string, string>>;
  readonly sleep: Sleep;
  /** Fires when the client has left or the server closes. */
  readonly signal: AbortSignal;
  /** Called just before this side breaks the connection. */
  readonly onBreak?: (() => void) | undefined;
}

/** Does to one request what `action` says. Resolves when nothing more will be sent; rejects with an AbortError on `signal`. */
export async function play(options: PlayOptions): Promise<void> {
  const { action, response } = options;
  switch (action.type) {
    case 'reset':
      if (action.at === 'before-headers') return reset(options);
      response.socket?.write('HTTP/1.1 200 OK\r\ncontent-type: text/ev');
      return cut(options);
    case 'silence':
      if (action.at === 'after-headers') openStream(options);
      return untilAborted(options.signal);
    case 'respond':
      return respond(options, action);
    case 'perform':
      return options.stream ? perform(options, action) : respond(options, wholeAnswer(options, action));
  }
}

async function respond(options: PlayOptions, action: RespondAction): Promise<void> {
  const { response, signal, sleep } = options;
  if (action.delayMs !== undefined && action.delayMs > 0) await sleep(action.delayMs, signal);
  const body = typeof action.body === 'string' ? Buffer.from(action.body) : action.body;
  response.writeHead(action.status, {
    ...options.headers,
    ...action.headers,
    'content-length': String(body.length),
  });
  if (action.break === undefined) {
    response.end(body);
    return;
  }
  await send(options, body.subarray(0, action.break.at));
  return action.break.how === 'cut' ? cut(options) : untilAborted(signal);
}

async function perform(options: PlayOptions, action: PerformAction): Promise<void> {
  const { context, emitter, response, signal, sleep } = options;
  const writer = emitter.createEventWriter(context);
  if (action.headersDelayMs !== undefined) await sleep(action.headersDelayMs, signal);
  openStream(options);
  await send(options, writer.start());
  await delayFirstContent(options, action);
  const faultAt = action.fault === undefined ? -1 : Math.min(action.fault.after, action.parts.length);
  for (const [index, part] of action.parts.entries()) {
    if (index === faultAt && (await breakStream(options, action, writer)) === 'over') return;
    if (index > 0 && action.intervalMs > 0) await sleep(action.intervalMs, signal);
    await send(options, writer.content(part));
  }
  if (faultAt === action.parts.length && (await breakStream(options, action, writer)) === 'over') return;
  if (action.ending !== 'no-finish') await send(options, writer.finish(action.end));
  if (action.ending === 'no-end-marker') return untilAborted(signal);
  response.end(action.ending === 'complete' ? writer.end() : undefined);
}

/** A stream is alive while its model thinks: keep-alives that are no content. */
async function delayFirstContent(options: PlayOptions, action: PerformAction): Promise<void> {
  for (let left = action.firstContentDelayMs; left > 0; left -= action.keepAliveMs) {
    await options.sleep(Math.min(left, action.keepAliveMs), options.signal);
    if (left > action.keepAliveMs) await send(options, options.emitter.keepAlive);
  }
}

async function breakStream(
  options: PlayOptions,
  { fault }: PerformAction,
  writer: EventWriter,
): Promise<'over' | 'goes-on'> {
  if (fault === undefined) return 'goes-on';
  switch (fault.type) {
    case 'cut':
      cut(options);
      return 'over';
    case 'stall':
      await untilAborted(options.signal);
      return 'over';
    case 'error-event':
      options.response.end(writer.error(fault.error));
      return 'over';
    case 'malformed':
      await send(options, writer.malformed());
      return 'goes-on';
  }
}

/** The same answer and the same faults for a request that is not streamed; what only a stream can get wrong is left out. */
function wholeAnswer(options: PlayOptions, action: PerformAction): RespondAction {
  const { context, emitter } = options;
  const answer = action.whole ?? emitter.answer(context, action.parts, action.end);
  const text = JSON.stringify(answer);
  const base = {
    type: 'respond',
    status: 200,
    headers: { 'content-type': 'application/json' },
    delayMs: (action.headersDelayMs ?? 0) + action.firstContentDelayMs,
    body: text,
  } as const;
  const { fault } = action;
  if (fault === undefined) return base;
  switch (fault.type) {
    case 'malformed':
      return { ...base, body: brokenJson(answer) };
    case 'error-event':
      return { ...base, body: JSON.stringify(emitter.error(fault.error)) };
    case 'cut':
    case 'stall': {
      const share = Math.min(1, fault.after / Math.max(1, action.parts.length));
      return { ...base, break: { how: fault.type, at: Math.floor((Buffer.byteLength(text) - 1) * share) } };
    }
  }
}

function openStream({ headers, response }: PlayOptions): void {
  response.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  });
  response.flushHeaders();
}

async function send({ response, signal }: PlayOptions, data: string | Buffer): Promise<void> {
  signal.throwIfAborted();
  if (data.length === 0 || response.write(data)) return;
  await once(response, 'drain', { signal });
}

/** Ends the connection after what was written, in the middle of the body. */
function cut({ onBreak, response }: PlayOptions): void {
  onBreak?.();
  response.socket?.destroySoon();
}

function reset({ onBreak, response }: PlayOptions): void {
  onBreak?.();
  response.socket?.resetAndDestroy();
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
