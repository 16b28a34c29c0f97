import { parentPort, workerData } from 'node:worker_threads';
import { MoltbotError } from '@moltbot/contracts';
import { type ThreadContext, threadHandlers } from './thread-handlers.js';
import type { StoredMessage, ThreadMessage, ThreadTask } from './thread-messages.js';

// The entry of every thread: does one job, says how it ended, and is over.
const port = parentPort;
if (port !== null) {
  const { name, payload } = workerData as ThreadTask;
  const say = (message: ThreadMessage): void => {
    port.postMessage(message);
  };
  const stored = new Map<number, PromiseWithResolvers<void>>();
  let numbers = 0;
  port.on('message', ({ number, error }: StoredMessage) => {
    const waiting = stored.get(number);
    stored.delete(number);
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(new MoltbotError(error.code, error.message));
  });
  const context: ThreadContext = {
    progress: (value) => {
      say({ type: 'progress', value });
    },
    log: (level, message, fields = {}) => {
      say({ type: 'log', level, message, fields });
    },
    artifact: async (file) => {
      numbers += 1;
      const waiting = Promise.withResolvers<void>();
      stored.set(numbers, waiting);
      say({ type: 'artifact', ...file, number: numbers });
      return waiting.promise;
    },
  };
  try {
    const handler = Object.hasOwn(threadHandlers, name)
      ? (threadHandlers[name as keyof typeof threadHandlers] as (
          value: unknown,
          own: ThreadContext,
        ) => Promise<unknown>)
      : undefined;
    if (handler === undefined) throw new Error(`there is no job ${name} for threads`);
    say({ type: 'result', value: await handler(payload, context) });
  } catch (error) {
    if (error instanceof MoltbotError) say({ type: 'error', code: error.code, message: error.message });
    else say({ type: 'error', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  } finally {
    port.close();
  }
}
