import type { ChildProcess } from 'node:child_process';
import { isReady, type Role, type RoleReady } from './role-process.js';

export type RoleEvent =
  | { readonly type: 'ready'; readonly role: Role; readonly ready: RoleReady; readonly restarted: boolean }
  | {
      readonly type: 'died';
      readonly role: Role;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly restartInMs: number;
    }
  /** Ended before it was ever ready: a mistake that a restart does not mend. */
  | { readonly type: 'refused'; readonly role: Role; readonly code: number | null };

export interface SupervisedRoleOptions {
  readonly role: Role;
  readonly spawn: () => ChildProcess;
  readonly onEvent: (event: RoleEvent) => void;
  readonly firstRestartMs?: number;
  readonly maxRestartMs?: number;
  /** Alive this long, and the next death starts with the first wait again. */
  readonly stableAfterMs?: number;
  readonly now?: () => number;
}

/** Keeps one role running: restarts it with growing waits when it dies after it was ready once. */
export class SupervisedRole {
  readonly role: Role;
  readonly #options: Required<SupervisedRoleOptions>;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitMs: number;
  #readyAt = 0;
  #wasReady = false;
  #stopping = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: SupervisedRoleOptions) {
    this.role = options.role;
    this.#options = {
      firstRestartMs: 500,
      maxRestartMs: 10_000,
      stableAfterMs: 60_000,
      now: () => performance.now(),
      ...options,
    };
    this.#waitMs = this.#options.firstRestartMs;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { role, spawn, onEvent, now, stableAfterMs, firstRestartMs, maxRestartMs } = this.#options;
    const child = spawn();
    this.#child = child;
    let ready = false;
    child.on('message', (message) => {
      if (ready || !isReady(message)) return;
      ready = true;
      this.#readyAt = now();
      onEvent({ type: 'ready', role, ready: message, restarted: this.#wasReady });
      this.#wasReady = true;
    });
    this.#ended = new Promise((resolve) => {
      let over = false;
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        if (over) return;
        over = true;
        this.#child = undefined;
        resolve();
        if (this.#stopping) return;
        if (!this.#wasReady) {
          onEvent({ type: 'refused', role, code });
          return;
        }
        if (ready && now() - this.#readyAt >= stableAfterMs) this.#waitMs = firstRestartMs;
        const restartInMs = this.#waitMs;
        this.#waitMs = Math.min(this.#waitMs * 2, maxRestartMs);
        onEvent({ type: 'died', role, code, signal, restartInMs });
        this.#timer = setTimeout(() => this.start(), restartInMs);
      };
      child.once('exit', end);
      child.once('error', () => end(1, null));
    });
  }

  /** SIGTERM, and waits for the end; SIGKILL `graceMs` later. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
  }
}
