import { availableParallelism } from 'node:os';
import type { LocalModelSettings, LocalModelsSettings } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import type { FileCache } from '../files/file-cache.js';
import { openModelFile } from '../files/model-file.js';
import { estimateMemory } from '../gguf/estimate-memory.js';
import type { LocalModelEvent } from '../model-state.js';
import { ModelSlot } from './model-slot.js';
import { type Engine, startEngine } from './start-engine.js';

export interface ModelHostOptions {
  /** As they are now; another object after a change. */
  readonly settings: () => LocalModelsSettings;
  /** Milliseconds for one load, from the file to the model. */
  readonly loadTimeoutMs: () => number;
  /** Where relative paths begin. */
  readonly folder: string;
  readonly cache: FileCache;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onEvent: (event: LocalModelEvent) => void;
  readonly elapsed: () => number;
  /** The engine's program, where it is not the one built beside this file. */
  readonly program: string | undefined;
}

const SWEEP_EVERY_MS = 1_000;

interface Kept {
  readonly slot: ModelSlot;
  /** The settings it was made from. */
  readonly made: string;
}

/** All local models of this process: one engine process each, loaded one after the other, within one limit of memory. */
export class ModelHost {
  readonly #options: ModelHostOptions;
  readonly #slots = new Map<string, Kept>();
  readonly #verified = new Set<string>();
  /** Of models that changed; their last answers may still be under way. */
  readonly #retired = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  /** Loads wait for each other: they share disk, processor and the limit. */
  #lastLoad: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: ModelHostOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_EVERY_MS).unref();
  }

  /** @throws MoltbotError `model_not_found`, `shutting_down` */
  slot(name: string): ModelSlot {
    if (this.#closed) throw new MoltbotError('shutting_down');
    const slot = this.find(name);
    if (slot === undefined) throw new MoltbotError('model_not_found', 'There is no local model of this name.');
    return slot;
  }

  /** `undefined` where no such model is configured. */
  find(name: string): ModelSlot | undefined {
    const { models, gpu, threads } = this.#options.settings();
    const settings = Object.hasOwn(models, name) ? models[name] : undefined;
    const kept = this.#slots.get(name);
    const made = JSON.stringify([settings, gpu, threads]);
    if (kept !== undefined && kept.made === made) return kept.slot;
    if (kept !== undefined) this.#retire(kept.slot);
    this.#slots.delete(name);
    if (settings === undefined) return undefined;
    const { onEvent, elapsed } = this.#options;
    const slot: ModelSlot = new ModelSlot({
      name,
      parallel: settings.parallel,
      onEvent,
      elapsed,
      open: (signal) => this.#inTurn(() => this.#open(slot, settings, signal)),
    });
    this.#slots.set(name, { slot, made });
    return slot;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.all([...this.#slots.values()].map(async ({ slot }) => slot.close('closed')));
    await Promise.all(this.#retired);
  }

  #retire(slot: ModelSlot): void {
    const closing = slot.close('changed').finally(() => this.#retired.delete(closing));
    this.#retired.add(closing);
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#lastLoad;
    const mine = before.then(work, work);
    this.#lastLoad = mine.catch(() => {});
    return mine;
  }

  async #open(slot: ModelSlot, settings: LocalModelSettings, closed: AbortSignal): Promise<Engine> {
    const { loadTimeoutMs, folder, cache, environment, program } = this.#options;
    const { max_file_size, gpu, threads } = this.#options.settings();
    const withinMs = loadTimeoutMs();
    const limit = new AbortController();
    const timer = setTimeout(() => {
      limit.abort(new MoltbotError('model_load_timeout', `${slot.ref} did not load within ${withinMs} ms.`));
    }, withinMs);
    const signal = AbortSignal.any([closed, limit.signal]);
    try {
      const { path, header } = await openModelFile({
        settings,
        folder,
        maxFileSize: max_file_size,
        cache,
        verified: this.#verified,
        signal,
      });
      await this.#makeRoom(slot, estimateMemory(header, settings));
      return await startEngine({
        order: {
          type: 'load',
          file: path,
          context: settings.context,
          parallel: settings.parallel,
          gpu,
          threads: threads ?? Math.max(1, availableParallelism() - 1),
        },
        signal,
        environment,
        program,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Unloads idle models, the largest first, until so many bytes are free. */
  async #makeRoom(newcomer: ModelSlot, bytes: number): Promise<void> {
    const max = this.#options.settings().max_memory;
    if (bytes > max) {
      throw new MoltbotError(
        'model_file_too_large',
        `${newcomer.ref} would take about ${bytes} bytes of memory; \`local_models.max_memory\` allows ${max}.`,
      );
    }
    if (await this.#unloadTo(max - bytes, newcomer)) return;
    throw new MoltbotError('local_memory_full', undefined, { retryAfterMs: 1_000 });
  }

  /** @returns whether the loaded models take no more than that now */
  async #unloadTo(bytes: number, except?: ModelSlot): Promise<boolean> {
    const loaded = [...this.#slots.values()].flatMap(({ slot }) => {
      const { state } = slot;
      return slot !== except && state.state === 'warm' ? [{ slot, rss: state.rss }] : [];
    });
    let used = loaded.reduce((sum, { rss }) => sum + rss, 0);
    const idle = loaded.filter(({ slot }) => slot.isIdle).toSorted((left, right) => right.rss - left.rss);
    for (const { slot, rss } of idle) {
      if (used <= bytes) break;
      used -= rss;
      await slot.unload('memory');
    }
    return used <= bytes;
  }

  #sweep(): void {
    const { idle_unload, max_memory } = this.#options.settings();
    for (const name of this.#slots.keys()) {
      const slot = this.find(name);
      if (slot?.state.state === 'warm' && slot.idleMs > idle_unload) void slot.unload('idle');
    }
    void this.#unloadTo(max_memory);
  }
}
