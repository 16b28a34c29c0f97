import { type ResourceLimits, Worker } from 'node:worker_threads';
import { MoltbotError } from '@moltbot/contracts';
import type { ThreadAnswer, ThreadError, ThreadMessage, ThreadTask } from './thread-messages.js';

export interface ThreadPoolOptions {
  /** Threads at the same time; further tasks wait. */
  readonly size: number;
  /** Heap of a thread in bytes; one that needs more fails alone. */
  readonly memoryBytes: number;
  /** The built entry. */
  readonly entry: URL;
}

export interface ThreadCall extends ThreadTask {
  /** Ends the thread at once, whatever it does; the reason is what `run` rejects with. */
  readonly signal: AbortSignal;
  readonly onProgress: (value: object) => void;
  readonly onLog: (message: Extract<ThreadMessage, { type: 'log' }>) => void;
  readonly onArtifact: (artifact: Extract<ThreadMessage, { type: 'artifact' }>) => Promise<void>;
  /** Bytes that it answers with are given to the thread, not copied. */
  readonly onAsk?: (question: string, argument: unknown) => Promise<unknown>;
  /** A smaller heap than threads may have: garbage is collected early then. MB. */
  readonly heap?: { readonly oldMb: number; readonly youngMb: number };
}

export interface ThreadPool {
  /** Threads that run now. */
  readonly active: number;
  /** @throws MoltbotError of the job, `job_too_large`, the signal's reason; any other error for a fault */
  run(call: ThreadCall): Promise<unknown>;
  /** Ends all threads. */
  close(): Promise<void>;
}

/** A thread per job, so that one that never ends or needs too much memory can be ended without harm to others. */
export function createThreadPool({ size, memoryBytes, entry }: ThreadPoolOptions): ThreadPool {
  const threads = new Set<Worker>();
  const waiting: (() => void)[] = [];
  let taken = 0;

  async function slot(signal: AbortSignal): Promise<void> {
    if (taken < size) {
      taken += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(take), 1);
        reject(signal.reason as Error);
      };
      const take = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      waiting.push(take);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Hands the place on, or gives it back. */
  function release(): void {
    const next = waiting.shift();
    if (next === undefined) taken -= 1;
    else next();
  }

  async function inThread(call: ThreadCall): Promise<unknown> {
    const { name, payload, signal, onProgress, onLog, onArtifact } = call;
    const task: ThreadTask = { name, payload };
    const thread = new Worker(entry, {
      workerData: task,
      // Nothing of the process that a job has no use for.
      env: {},
      execArgv: [],
      resourceLimits: limitsOf(call, memoryBytes),
    });
    threads.add(thread);
    const ended = Promise.withResolvers<unknown>();
    const onAbort = (): void => {
      ended.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    thread.on('message', (message: ThreadMessage) => {
      switch (message.type) {
        case 'progress':
          onProgress(message.value);
          break;
        case 'log':
          onLog(message);
          break;
        case 'artifact':
          void storeFor(thread, message, onArtifact).catch(ended.reject);
          break;
        case 'ask':
          void answerTo(thread, message, call).catch(ended.reject);
          break;
        case 'result':
          ended.resolve(message.value);
          break;
        case 'error':
          ended.reject(
            message.code === undefined ? new Error(message.message) : new MoltbotError(message.code, message.message),
          );
          break;
        default:
      }
    });
    thread.on('error', (error: NodeJS.ErrnoException) => {
      ended.reject(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? new MoltbotError('job_too_large') : error);
    });
    thread.on('exit', (code) => {
      threads.delete(thread);
      ended.reject(new Error(`the thread ended with ${code} and no result`));
    });
    try {
      return await ended.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      await thread.terminate();
    }
  }

  return {
    get active() {
      return threads.size;
    },
    run: async (call) => {
      call.signal.throwIfAborted();
      await slot(call.signal);
      try {
        call.signal.throwIfAborted();
        return await inThread(call);
      } finally {
        release();
      }
    },
    close: async () => {
      await Promise.all([...threads].map(async (thread) => thread.terminate()));
    },
  };
}

/** @throws what a stranger threw: a fault ends the job, and is logged as it is */
async function storeFor(
  thread: Worker,
  artifact: Extract<ThreadMessage, { type: 'artifact' }>,
  store: ThreadCall['onArtifact'],
): Promise<void> {
  const { number } = artifact;
  let answer: ThreadAnswer = { type: 'stored', number };
  try {
    await store(artifact);
  } catch (error) {
    answer = { type: 'stored', number, error: toThreadError(error) };
  }
  thread.postMessage(answer, []);
}

/** @throws as `storeFor` */
async function answerTo(
  thread: Worker,
  { question, argument, number }: Extract<ThreadMessage, { type: 'ask' }>,
  { onAsk }: ThreadCall,
): Promise<void> {
  let answer: ThreadAnswer;
  try {
    if (onAsk === undefined) throw new Error(`nobody answers ${question}`);
    answer = { type: 'answered', number, value: await onAsk(question, argument) };
  } catch (error) {
    answer = { type: 'answered', number, error: toThreadError(error) };
  }
  const { value } = answer;
  thread.postMessage(answer, value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []);
}

function toThreadError(error: unknown): ThreadError {
  if (!(error instanceof MoltbotError)) throw error;
  const { code, message } = error;
  return { code, message };
}

function limitsOf({ heap }: ThreadCall, memoryBytes: number): ResourceLimits {
  const most = Math.ceil(memoryBytes / 1_048_576);
  if (heap === undefined) return { maxOldGenerationSizeMb: most };
  return { maxOldGenerationSizeMb: Math.min(most, heap.oldMb), maxYoungGenerationSizeMb: heap.youngMb };
}
