import { type FSWatcher, watch } from 'node:fs';
import { changedKeys } from './files/changed-keys.js';
import {
  type ConfigFiles,
  fingerprintOfConfigFiles,
  lookAtConfigFiles,
  sameConfigFiles,
} from './files/config-files.js';
import { ConfigError } from './problems/config-problem.js';
import { fileProblem } from './files/file-access.js';
import { type LoadedConfig, loadConfig, type LoadOptions } from './load.js';

export interface WatchOptions extends LoadOptions {
  /** What `loadConfig` gave at start. */
  readonly initial: LoadedConfig;
  /**
   * Called once per change that took effect, never twice at a time. `changedKeys` holds setting keys, and
   * `credentials.ID` for each entry of auth.json that came, went or changed. `current()` is `next` by then; what is thrown
   * refuses the change and puts the previous one back.
   */
  readonly onChange: (next: LoadedConfig, changedKeys: readonly string[]) => void | Promise<void>;
  /** Called once per content that was refused; the last good configuration stays. Must not throw. */
  readonly onRefused: (error: unknown) => void;
  readonly timing?: Partial<WatchTiming>;
}

/** All in milliseconds. */
export interface WatchTiming {
  /** The files must have been quiet for this long before they are read. */
  readonly debounce: number;
  /** Between two looks at the files where the system tells nothing (network folders, containers). */
  readonly poll: number;
  /** A file that vanished or was emptied counts only after this long: editors and syncs do that on the way. */
  readonly vanished: number;
}

export interface ConfigWatch {
  /** The last good configuration. */
  current(): LoadedConfig;
  /** Ends watching; waits for a reload that is under way, so never for itself in `onChange`. May be called again. */
  close(): Promise<void>;
}

const TIMING: WatchTiming = { debounce: 100, poll: 2_000, vanished: 2_000 };

/** Follows config.yml and auth.json without a restart. Keeps no process alive by itself. */
export function watchConfig(options: WatchOptions): ConfigWatch {
  const watcher = new ConfigWatcher(options);
  watcher.start();
  return watcher;
}

class ConfigWatcher implements ConfigWatch {
  readonly #options: WatchOptions;
  readonly #timing: WatchTiming;
  #current: LoadedConfig;
  /** The files as they were when they were last dealt with, taken or refused. */
  #handled: ConfigFiles | undefined;
  /** The files as the last look found them, and since when they are so. */
  #seen: { readonly files: ConfigFiles; readonly since: number } | undefined;
  #refused: string | undefined;
  #folder: { readonly watcher: FSWatcher; readonly mark: string } | undefined;
  #poll: NodeJS.Timeout | undefined;
  #next: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#current = options.initial;
  }

  current(): LoadedConfig {
    return this.#current;
  }

  start(): void {
    // The files may have changed since `initial` was read: the first look reads them once more.
    this.#lookIn(0);
    this.#poll = setInterval(() => this.#lookIn(0), this.#timing.poll).unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#next);
    this.#unwatchFolder();
    await this.#working;
  }

  /** One look at a time; a look that is due while another works is made up for by its end or by the next poll. */
  #lookIn(ms: number): void {
    if (this.#closed || this.#next !== undefined) return;
    this.#next = setTimeout(() => {
      this.#next = undefined;
      if (this.#working !== undefined) return this.#lookIn(this.#timing.debounce / 2);
      this.#working = this.#look().finally(() => {
        this.#working = undefined;
      });
    }, ms).unref();
  }

  async #look(): Promise<void> {
    const files = await lookAtConfigFiles(this.#options.paths);
    if (this.#closed) return;
    this.#watchFolder(files.home.mark, files.home.state === 'present');
    const now = performance.now();
    if (this.#seen === undefined || !sameConfigFiles(files, this.#seen.files)) this.#seen = { files, since: now };
    if (sameConfigFiles(files, this.#handled)) return;
    const quiet = now - this.#seen.since;
    if (quiet >= this.#quietTimeFor(files)) await this.#reload(files);
    else this.#lookIn(this.#timing.debounce / 2);
  }

  #quietTimeFor(files: ConfigFiles): number {
    const before = this.#handled;
    if (before === undefined) return 0;
    const lost = (['home', 'config', 'auth'] as const).some(
      (file) => before[file].state === 'present' && files[file].state !== 'present',
    );
    return lost ? this.#timing.vanished : this.#timing.debounce / 2;
  }

  async #reload(files: ConfigFiles): Promise<void> {
    const { paths } = this.#options;
    const result = await this.#load(files);
    const fingerprint = 'error' in result ? await fingerprintOfConfigFiles(paths) : undefined;
    // Written while it was read: what was read is worth nothing.
    const unchanged = sameConfigFiles(files, await lookAtConfigFiles(paths));
    if (this.#closed) return;
    if (!unchanged) return this.#lookIn(this.#timing.debounce / 2);
    this.#handled = files;
    if ('error' in result) this.#refuse(result.error, fingerprint);
    else await this.#take(result.config);
  }

  async #load(files: ConfigFiles): Promise<{ readonly config: LoadedConfig } | { readonly error: unknown }> {
    const { paths } = this.#options;
    try {
      if (this.#handled?.home.state === 'present' && files.home.state === 'missing') {
        // Not an edit: a folder that is unmounted or moved away would switch everything to the defaults.
        throw new ConfigError([fileProblem(paths.home, 'the folder has vanished')]);
      }
      return { config: await loadConfig(this.#options) };
    } catch (error) {
      return { error };
    }
  }

  /** What has not changed stays the same object, so that apps can tell by it. */
  async #take(loaded: LoadedConfig): Promise<void> {
    const previous = this.#current;
    const keys = changedKeys(previous, loaded);
    const isCredential = (key: string) => key.startsWith('credentials.');
    const next = {
      ...loaded,
      settings: keys.every(isCredential) ? previous.settings : loaded.settings,
      credentials: keys.some(isCredential) ? loaded.credentials : previous.credentials,
    };
    this.#refused = undefined;
    this.#current = next;
    try {
      if (keys.length > 0) await this.#options.onChange(next, keys);
    } catch (error) {
      this.#current = previous;
      this.#options.onRefused(error);
    }
  }

  #refuse(error: unknown, fingerprint: string | undefined): void {
    if (this.#refused !== undefined && this.#refused === fingerprint) return;
    this.#refused = fingerprint;
    this.#options.onRefused(error);
  }

  /** Watches the folder, not the files: editors put a new file in the place of the old one. */
  #watchFolder(mark: string, present: boolean): void {
    if (present && this.#folder?.mark === mark) return;
    this.#unwatchFolder();
    if (!present) return;
    try {
      const watcher = watch(this.#options.paths.home, { persistent: false }, () =>
        this.#lookIn(this.#timing.debounce / 2),
      );
      watcher.on('error', () => this.#unwatchFolder());
      this.#folder = { watcher, mark };
    } catch {
      // No watches left, or a file system without them: the poll finds changes too.
    }
  }

  #unwatchFolder(): void {
    this.#folder?.watcher.close();
    this.#folder = undefined;
  }
}
