import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MoltbotError } from '@moltbot/contracts';
import type { ChatEnd, ChatOrder, EngineOrder, EngineReport, LoadOrder } from './engine-protocol.js';

/** The same from `src` and from `dist`. */
const PROGRAM = fileURLToPath(new URL('../../dist/engine-process/main.js', import.meta.url));
const LIBRARY = 'node-llama-cpp 3.22';
/** What the engine wrote last is kept for the log. */
const KEPT_STDERR = 2_000;
/** An engine that goes on for so long after it was told to stop an answer hangs, and is ended. */
const STOPS_WITHIN_MS = 30_000;

export interface ChatHandlers {
  readonly onText: (text: string, reasoning: boolean) => void;
}

export interface ChatResult {
  readonly end: ChatEnd;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** A process with one model in it. */
export interface Engine {
  readonly pid: number;
  /** Bytes of memory, as of the last few seconds. */
  readonly rss: number;
  /** Resolves when the process has ended, however that came. */
  readonly ended: Promise<EngineEnd>;
  /** @throws MoltbotError `context_length_exceeded`, `invalid_request`, `upstream_error`, `model_load_failed` (it broke down) */
  chat(order: ChatOrder, handlers: ChatHandlers, signal: AbortSignal): Promise<ChatResult>;
  /** Ends it at once; what is being answered breaks off. */
  close(): Promise<void>;
}

export interface EngineEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Its last words, for the log. */
  readonly stderr: string;
}

export interface StartEngineOptions {
  readonly order: LoadOrder;
  readonly signal: AbortSignal;
  /** Its whole environment: nothing secret. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly program?: string | undefined;
}

interface Running {
  readonly handlers: ChatHandlers;
  readonly resolve: (result: ChatResult) => void;
  readonly reject: (error: MoltbotError) => void;
}

/**
 * Starts a process and loads the model in it.
 * @throws MoltbotError `local_engine_missing`, `model_load_failed`; the signal's reason
 */
export async function startEngine(options: StartEngineOptions): Promise<Engine> {
  const { order, signal, environment, program = PROGRAM } = options;
  signal.throwIfAborted();
  const child = fork(program, [], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...environment, NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true' },
    execArgv: [],
    windowsHide: true,
  });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-KEPT_STDERR);
  });
  const running = new Map<number, Running>();
  const loaded = Promise.withResolvers<void>();
  // Nobody may be waiting any more.
  loaded.promise.catch(() => {});
  let rss = 0;
  let lastId = 0;
  const ended = new Promise<EngineEnd>((resolve) => {
    const over = (code: number | null, exitSignal: NodeJS.Signals | null): void => {
      const why = exitSignal === null ? `exit code ${code}` : exitSignal;
      const error = new MoltbotError('model_load_failed', `The engine of the local model broke down (${why}).`);
      loaded.reject(error);
      for (const { reject } of running.values()) reject(error);
      running.clear();
      resolve({ code, signal: exitSignal, stderr });
    };
    child.once('exit', over);
    child.once('error', (error) => {
      stderr += error.message;
      if (child.pid === undefined) over(null, null);
    });
  });
  const send = (message: EngineOrder): void => {
    // It may have ended already; its exit tells.
    if (child.connected) child.send(message, () => {});
  };
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  };

  child.on('message', (report: EngineReport) => {
    switch (report.type) {
      case 'loaded':
        ({ rss } = report);
        return loaded.resolve();
      case 'load-failed':
        return loaded.reject(loadError(report));
      case 'stats':
        ({ rss } = report);
        return;
      case 'text':
        return running.get(report.id)?.handlers.onText(report.text, report.reasoning);
      case 'ended':
        running.get(report.id)?.resolve(report);
        running.delete(report.id);
        return;
      case 'refused':
        running.get(report.id)?.reject(new MoltbotError(report.code, report.message));
        running.delete(report.id);
    }
  });

  const onAbort = (): void => loaded.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    send(order);
    await loaded.promise;
  } catch (error) {
    await close();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }

  return {
    pid: child.pid ?? 0,
    get rss() {
      return rss;
    },
    ended,
    close,
    async chat(chatOrder, handlers, chatSignal) {
      chatSignal.throwIfAborted();
      const id = (lastId += 1);
      let hanging: NodeJS.Timeout | undefined;
      const cancel = (): void => {
        send({ type: 'cancel', id });
        hanging = setTimeout(() => child.kill('SIGKILL'), STOPS_WITHIN_MS).unref();
      };
      chatSignal.addEventListener('abort', cancel, { once: true });
      try {
        return await new Promise<ChatResult>((resolve, reject) => {
          running.set(id, { handlers, resolve, reject });
          if (!child.connected) return reject(new MoltbotError('model_load_failed', 'The engine has ended.'));
          send({ type: 'chat', id, ...chatOrder });
        });
      } finally {
        running.delete(id);
        clearTimeout(hanging);
        chatSignal.removeEventListener('abort', cancel);
      }
    },
  };
}

function loadError({ reason, message }: Extract<EngineReport, { type: 'load-failed' }>): MoltbotError {
  return reason === 'missing'
    ? new MoltbotError(
        'local_engine_missing',
        `Local models need ${LIBRARY}, which this installation lacks: ${firstLine(message)}`,
      )
    : new MoltbotError('model_load_failed', `llama.cpp could not load the model: ${firstLine(message)}`);
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 300);
}
