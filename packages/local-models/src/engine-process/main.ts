import type { EngineOrder, EngineReport, LoadOrder } from '../engine/engine-protocol.js';
import type { LlamaLibrary } from './llama-library.js';
import { createModelChat } from './model-chat.js';

// One model in a process of its own: what breaks in it takes nothing else along, and what it used is given back when it ends.

const LIBRARY = 'node-llama-cpp';
const STATS_EVERY_MS = 5_000;

const running = new Map<number, AbortController>();
let chat: ReturnType<typeof createModelChat> | undefined;

function report(message: EngineReport): void {
  if (process.connected) process.send?.(message);
}

async function load(order: LoadOrder): Promise<void> {
  let library: LlamaLibrary;
  let llama: Awaited<ReturnType<LlamaLibrary['getLlama']>>;
  try {
    library = (await import(LIBRARY)) as LlamaLibrary;
    llama = await library.getLlama({
      gpu: order.gpu === 'off' ? false : order.gpu,
      build: 'never',
      skipDownload: true,
      progressLogs: false,
      logLevel: 'error',
      maxThreads: order.threads,
    });
  } catch (error) {
    report({ type: 'load-failed', reason: 'missing', message: say(error) });
    return;
  }
  try {
    const model = await llama.loadModel({ modelPath: order.file });
    const context = await model.createContext({
      contextSize: order.context,
      sequences: order.parallel,
      threads: order.threads,
    });
    const { LlamaChat } = library;
    const chats = Array.from(
      { length: order.parallel },
      () => new LlamaChat({ contextSequence: context.getSequence() }),
    );
    chat = createModelChat({ llama, model, chats, context: order.context, report });
    report({ type: 'loaded', rss: process.memoryUsage.rss() });
    setInterval(() => {
      report({ type: 'stats', rss: process.memoryUsage.rss() });
    }, STATS_EVERY_MS).unref();
  } catch (error) {
    report({ type: 'load-failed', reason: 'failed', message: say(error) });
  }
}

async function answer(order: Extract<EngineOrder, { type: 'chat' }>): Promise<void> {
  const abort = new AbortController();
  running.set(order.id, abort);
  await chat?.run(order.id, order, abort.signal);
  running.delete(order.id);
}

function say(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 1_000);
}

process.on('message', (order: EngineOrder) => {
  if (order.type === 'load') void load(order);
  else if (order.type === 'chat') void answer(order);
  else running.get(order.id)?.abort();
});
// Whoever started us is gone.
process.on('disconnect', () => process.exit(0));
// Ctrl-C and service managers reach the whole group; our parent still waits for those who are being answered.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
