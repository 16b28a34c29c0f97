import type { ChildProcess } from 'node:child_process';
import { ROLE_EXIT, roleFailure } from '@moltbot/contracts';
import { readRoleMessage, type Role, type RoleNotStarted, type RoleReady } from './role-process.js';

export type RoleEvent =
  | { readonly type: 'ready'; readonly role: Role; readonly ready: RoleReady; readonly restarted: boolean }
  | {
      readonly type: 'died';
      readonly role: Role;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      /** What it said last, where it did not start. */
      readonly said: RoleNotStarted | undefined;
      readonly wasReady: boolean;
      readonly restartInMs: number;
    };

export interface SupervisedRoleOptions {
  readonly role: Role;
  readonly spawn: () => ChildProcess;
  readonly onEvent: (event: RoleEvent) => void;
  readonly firstRestartMs?: number;
  readonly maxRestartMs?: number;
  /** After a refusal: somebody has to change something first. */
  readonly refusedRestartMs?: number;
  /** Alive this long, and the next death starts with the first wait again. */
  readonly stableAfterMs?: number;
  readonly now?: () => number;
}

/** Keeps one role running: restarts it with growing waits when it dies. Who does not want that calls `stop` in `onEvent`. */
export class SupervisedRole {
  readonly role: Role;
  readonly #options: Required<SupervisedRoleOptions>;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waitMs: number;
  #wasReady = false;
  #stopping = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: SupervisedRoleOptions) {
    this.role = options.role;
    this.#options = {
      firstRestartMs: 500,
      maxRestartMs: 10_000,
      refusedRestartMs: 30_000,
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
    const { role, spawn, onEvent, now } = this.#options;
    let child: ChildProcess;
    try {
      child = spawn();
    } catch (error) {
      // Its files are gone: an upgrade is replacing them, perhaps.
      this.#died({ code: ROLE_EXIT.failed, signal: null, said: roleFailure(error).message, aliveMs: 0 });
      return;
    }
    this.#child = child;
    let readyAt: number | undefined;
    let said: RoleNotStarted | undefined;
    child.on('message', (raw) => {
      const message = readRoleMessage(raw);
      if (message?.type === 'not-started') said = message;
      if (message?.type !== 'ready' || readyAt !== undefined) return;
      readyAt = now();
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
        this.#died({ code, signal, said, aliveMs: readyAt === undefined ? 0 : now() - readyAt });
      };
      child.once('exit', end);
      child.once('error', () => end(ROLE_EXIT.failed, null));
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

  #died(how: {
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly said: RoleNotStarted | undefined;
    readonly aliveMs: number;
  }): void {
    if (this.#stopping) return;
    const { aliveMs, ...rest } = how;
    const restartInMs = this.#nextWait({ code: how.code, aliveMs });
    this.#timer = setTimeout(() => this.start(), restartInMs);
    this.#options.onEvent({ type: 'died', role: this.role, ...rest, wasReady: this.#wasReady, restartInMs });
  }

  #nextWait({ code, aliveMs }: { readonly code: number | null; readonly aliveMs: number }): number {
    const { firstRestartMs, maxRestartMs, refusedRestartMs, stableAfterMs } = this.#options;
    if (code === ROLE_EXIT.refused) return refusedRestartMs;
    if (aliveMs >= stableAfterMs) this.#waitMs = firstRestartMs;
    const wait = this.#waitMs;
    this.#waitMs = Math.min(wait * 2, maxRestartMs);
    return wait;
  }
}
