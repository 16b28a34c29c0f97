import type { Clock } from '../clock.js';

/** Repeatable random numbers (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that only passes when nothing else is left to be done; so every interleaving is one of delays. */
export class Simulation {
  readonly random: () => number;
  #now = 0;
  #count = 0;
  readonly #events: Event[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  get now(): number {
    return this.#now;
  }

  /** A delay of at least `least` ms, seldom a long one. */
  latency(least: number, most: number): number {
    return least + (most - least) * this.random() ** 3;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, delayMs), order: (this.#count += 1), run };
    this.#events.push(event);
    return () => {
      const index = this.#events.indexOf(event);
      if (index >= 0) this.#events.splice(index, 1);
    };
  }

  delay(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(ms, resolve);
    });
  }

  /** Lets time pass up to then. */
  async runUntil(end: number): Promise<void> {
    for (;;) {
      await settled();
      let next: Event | undefined;
      for (const event of this.#events) {
        if (next === undefined || event.at < next.at || (event.at === next.at && event.order < next.order)) next = event;
      }
      if (next === undefined || next.at > end) break;
      this.#events.splice(this.#events.indexOf(next), 1);
      this.#now = next.at;
      next.run();
    }
    this.#now = end;
  }
}

/** Until all promises that could go on have gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** A process that may be killed: then nothing it waits for ever comes. */
export class SimulatedProcess {
  #alive = true;
  readonly #simulation: Simulation;
  readonly #clockOffset: number;
  readonly #cancels = new Set<() => void>();
  /** Share of its steps at which it stands still for seconds, as on a machine that sleeps. */
  stalls = 0;
  /** Told when it is killed, as a parent is told of its child. */
  readonly killed: Promise<void>;
  #tellKilled = () => {};

  constructor(simulation: Simulation, clockOffset = 0) {
    this.#simulation = simulation;
    this.#clockOffset = clockOffset;
    this.killed = new Promise((resolve) => {
      this.#tellKilled = resolve;
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  kill(): void {
    this.#alive = false;
    for (const cancel of this.#cancels) cancel();
    this.#tellKilled();
  }

  readonly clock: Clock = {
    now: () => 1_000_000 + this.#simulation.now + this.#clockOffset,
    monotonic: () => this.#simulation.now,
    after: (ms, callback) => this.#start(ms, callback),
    idle: (ms, callback) => this.#start(ms, callback),
  };

  #start(ms: number, callback: () => void): () => void {
    const cancel = this.#simulation.schedule(ms, () => {
      this.#cancels.delete(cancel);
      if (this.#alive) callback();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  }

  /** What is done elsewhere is done even if this process does not live to hear of it. */
  async ask<Answer>(before: number, act: () => Answer, after: number): Promise<Answer> {
    if (!this.#alive) return never();
    await this.#simulation.delay(before + this.#stall());
    let answer: Answer | undefined;
    let failure: unknown;
    let failed = false;
    try {
      answer = act();
    } catch (error) {
      failed = true;
      failure = error;
    }
    await this.#simulation.delay(after + this.#stall());
    if (!this.#alive) return never();
    if (failed) throw failure;
    return answer as Answer;
  }

  #stall(): number {
    return this.stalls > 0 && this.#simulation.random() < this.stalls ? 10_000 * this.#simulation.random() : 0;
  }
}

export function never<Answer>(): Promise<Answer> {
  return new Promise<Answer>(() => {});
}
