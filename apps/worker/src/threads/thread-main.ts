import { parentPort, workerData } from 'node:worker_threads';
import { MoltbotError } from '@moltbot/contracts';
import { type ThreadContext, threadHandlers } from './thread-handlers.js';
import type { ThreadAnswer, ThreadMessage, ThreadTask } from './thread-messages.js';

// The entry of every thread: does one job, says how it ended, and is over.
const port = parentPort;
if (port !== null) {
  const { name, payload } = workerData as ThreadTask;
  const say = (message: ThreadMessage): void => {
    port.postMessage(message);
  };
  const unanswered = new Map<number, PromiseWithResolvers<unknown>>();
  let numbers = 0;
  port.on('message', (answer: ThreadAnswer) => {
    const { number, error } = answer;
    const waiting = unanswered.get(number);
    unanswered.delete(number);
    if (error !== undefined) waiting?.reject(new MoltbotError(error.code, error.message));
    else waiting?.resolve(answer.type === 'answered' ? answer.value : undefined);
  });
  const answerTo = async (message: (number: number) => ThreadMessage): Promise<unknown> => {
    numbers += 1;
    const waiting = Promise.withResolvers<unknown>();
    unanswered.set(numbers, waiting);
    say(message(numbers));
    return waiting.promise;
  };
  const context: ThreadContext = {
    progress: (value) => {
      say({ type: 'progress', value });
    },
    log: (level, message, fields = {}) => {
      say({ type: 'log', level, message, fields });
    },
    artifact: async (file) => {
      await answerTo((number) => ({ type: 'artifact', ...file, number }));
    },
    ask: async (question, argument) => answerTo((number) => ({ type: 'ask', question, argument, number })),
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
