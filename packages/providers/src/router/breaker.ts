import type { Settings } from '@moltbot/config';
import type { Lease, SharedState } from '@moltbot/state';
import type { FailureKind } from '../failure.js';
import type { Model } from '../target.js';
import { type Circuit, parseCircuit } from './circuit.js';
import { FAILURE_TABLE } from './classify.js';
import type { RouterObserver } from './observer.js';
import { pause } from './pause.js';
import { SharedMirror } from './shared-mirror.js';

export interface BreakerOptions {
  readonly state: SharedState;
  readonly settings: () => Settings['breaker'];
  /** Unix time in ms: the moments are compared between processes. */
  readonly clock: () => number;
  readonly random: () => number;
  /** Names this process in leases. */
  readonly holder: string;
  readonly observer: RouterObserver;
}

/** What a model is asked for: one may work where another does not. */
export type Scope = 'chat' | 'embeddings' | 'count-tokens';

/** Leave to make one call. A result counts only while its generation stands. */
export interface Ticket {
  readonly target: Target;
  readonly generation: number;
  readonly probe: Lease | undefined;
}

/** One model at one address, as the breaker sees it. */
interface Target {
  readonly key: string;
  readonly name: string;
  generation: number;
  circuit: Circuit;
  /** Stretches the wait a little, so that processes do not ask in the same moment. */
  jitter: number;
  /** Failures in a row: moment and weight. */
  failures: { readonly at: number; readonly weight: number }[];
  /** Handed out while closed; one object for all requests. */
  pass: Ticket | undefined;
  /** A probe of this process runs until then at most. */
  probeUntil: number;
  probeFence: number;
  probeRenewal: NodeJS.Timeout | undefined;
  /** Runs while the others are asked what they know, when this process meets the target for the first time. */
  learning: Promise<unknown> | undefined;
}

const MAX_TARGETS = 2_000;
/** Renewed while the probe is under way, so that the one of a process that was killed is soon replaced. */
const PROBE_LEASE_MS = 20_000;
const PROBE_RENEWAL_MS = 6_000;
/** A probe that takes longer than any answer is lost, and the next one may run beside it. */
const LONGEST_PROBE_MS = 3_600_000;
/** A process that never reports leaves an open record behind; after this it is forgotten. */
const RECORD_KEPT_MS = 600_000;
const PROBE_JITTER = 0.1;
const LEARNING_MS = 100;
const CLOSED: Circuit = { state: 'closed' };

/**
 * One circuit for each model, shared by all processes. Asking is synchronous while it is closed; the way to a target known to
 * be dead goes through a lease, so that one call at a time and one in `open_for` is made across the cluster.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #targets = new Map<string, Target>();
  #byModel = newIndex();
  readonly #mirror: SharedMirror<Circuit>;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#mirror = new SharedMirror<Circuit>({
      state: options.state,
      prefix: 'breaker:',
      holder: options.holder,
      parse: parseCircuit,
      onRemote: (key, circuit) => {
        // Also of a target that this process has not met: the word comes only once.
        this.#change(this.#targets.get(key) ?? this.#newTarget(key), circuit);
      },
    });
  }

  close(): void {
    this.#mirror.close();
    for (const target of this.#targets.values()) clearInterval(target.probeRenewal);
  }

  /** The leave of a healthy target; `undefined` where the circuit is not closed, or not known yet. */
  admit(model: Model, scope: Scope = 'chat'): Ticket | undefined {
    const target = this.#targetOf(model, scope);
    if (target.circuit.state !== 'closed' || target.learning !== undefined) return undefined;
    target.pass ??= { target, generation: target.generation, probe: undefined };
    return target.pass;
  }

  /**
   * Leave to call a target that was not admitted: as its one probe, where its circuit is open. `lastHope`: nothing else is left to ask, so the growing
   * wait between probes is cut short to `open_for`.
   */
  async admitDead(model: Model, lastHope: boolean, scope: Scope = 'chat'): Promise<Ticket | undefined> {
    const target = this.#targetOf(model, scope);
    if (target.learning !== undefined) await target.learning;
    if (target.circuit.state === 'closed') return this.admit(model, scope);
    const { clock, observer } = this.#options;
    const now = clock();
    if (now < this.#earliestCall(target, lastHope) || now < target.probeUntil) return undefined;
    target.probeUntil = now + PROBE_LEASE_MS;
    const { generation } = target;
    const lease = await this.#leaseProbe(target.key);
    if (lease === undefined || generation !== target.generation) {
      target.probeUntil = 0;
      if (lease !== undefined) this.#release(lease);
      return this.admit(model, scope);
    }
    target.probeFence = lease.fence;
    this.#keepProbe(target, lease);
    observer.deadTargetCall?.({ target: target.name });
    observer.breaker?.({ target: target.name, state: 'half-open' });
    return { target, generation, probe: lease };
  }

  /** What is known of a target that was not admitted: why, and when it is asked again. */
  deadness(
    model: Model,
    scope: Scope = 'chat',
  ): { readonly reason: FailureKind; readonly untilMs: number } | undefined {
    const target = this.#targetOf(model, scope);
    if (target.circuit.state === 'closed') return undefined;
    return { reason: target.circuit.reason, untilMs: this.#earliestCall(target, true) };
  }

  /** How it stands, for whoever watches. */
  circuitOf(model: Model, scope: Scope = 'chat'): 'closed' | 'half-open' | 'open' {
    const target = this.#targetOf(model, scope);
    if (target.circuit.state === 'closed') return 'closed';
    return this.#options.clock() < target.probeUntil ? 'half-open' : 'open';
  }

  /** The call's answer came: closes after a probe, ends a row of failures otherwise. */
  succeeded(ticket: Ticket): void {
    const { target } = ticket;
    if (!this.#counts(ticket)) return;
    if (ticket.probe !== undefined) this.#shut(target);
    else if (target.failures.length > 0) target.failures = [];
  }

  /** The call failed. */
  failed(ticket: Ticket, kind: FailureKind): void {
    const { target } = ticket;
    if (!this.#counts(ticket)) return;
    const effect = FAILURE_TABLE[kind].breaker;
    if (effect === 'opens-model') return this.#open(target, kind);
    if (effect === 'counts' || effect === 'counts-half') {
      if (ticket.probe !== undefined) return this.#open(target, kind);
      return this.#count(target, kind, effect === 'counts' ? 1 : 0.5);
    }
    // The provider answered, if only to refuse this call: it is there. A call we cancelled says nothing.
    if (ticket.probe !== undefined && kind !== 'cancelled' && kind !== 'unfit') this.#shut(target);
  }

  #count(target: Target, kind: FailureKind, weight: number): void {
    const { window, failures } = this.#options.settings();
    const now = this.#options.clock();
    const recent = target.failures.filter(({ at }) => now - at < window);
    recent.push({ at: now, weight });
    target.failures = recent;
    if (recent.reduce((sum, failure) => sum + failure.weight, 0) >= failures) this.#open(target, kind);
  }

  /** Whether the ticket still speaks for its target; ends its probe. */
  #counts(ticket: Ticket): boolean {
    const { target, probe } = ticket;
    if (probe !== undefined) {
      this.#release(probe);
      if (target.probeFence !== probe.fence) return false;
      clearInterval(target.probeRenewal);
      target.probeUntil = 0;
      target.probeFence = -1;
    }
    return ticket.generation === target.generation;
  }

  #open(target: Target, reason: FailureKind): void {
    const settings = this.#options.settings();
    const { circuit } = target;
    const openForMs =
      circuit.state === 'open' ? Math.min(circuit.openForMs * 2, settings.max_open_for) : settings.open_for;
    const opened: Circuit = { state: 'open', since: this.#options.clock(), openForMs, reason };
    this.#change(target, opened);
    this.#mirror.publish(target.key, opened, openForMs + settings.max_open_for + RECORD_KEPT_MS);
  }

  #shut(target: Target): void {
    this.#change(target, CLOSED);
    this.#mirror.publish(target.key, CLOSED, RECORD_KEPT_MS);
  }

  /** Every change begins a generation: what was asked before it has no say any more. */
  #change(target: Target, circuit: Circuit): void {
    const before = target.circuit.state;
    target.generation += 1;
    target.circuit = circuit;
    target.jitter = 1 + PROBE_JITTER * this.#options.random();
    target.failures = [];
    target.pass = undefined;
    if (circuit.state !== before || circuit.state === 'open') {
      this.#options.observer.breaker?.({ target: target.name, state: circuit.state });
    }
  }

  #earliestCall(target: Target, lastHope: boolean): number {
    const { circuit } = target;
    if (circuit.state === 'closed') return 0;
    if (lastHope) return circuit.since + Math.min(circuit.openForMs, this.#options.settings().open_for);
    return circuit.since + circuit.openForMs * target.jitter;
  }

  /** One probe at a time, and one in `open_for`, over all processes. Without the shared state each process is on its own. */
  async #leaseProbe(key: string): Promise<Lease | undefined> {
    const { state, holder, settings } = this.#options;
    try {
      const probe = await state.acquireLease(`breaker-probe:${key}`, holder, PROBE_LEASE_MS);
      if (probe === undefined) return undefined;
      const spacing = await state.acquireLease(`breaker-call:${key}`, holder, settings().open_for);
      if (spacing !== undefined) return probe;
      this.#release(probe);
      return undefined;
    } catch {
      return { key: '', holder, fence: Math.floor(this.#options.clock()) };
    }
  }

  /** An answer may take longer than the lease: it is renewed until the probe has ended. */
  #keepProbe(target: Target, lease: Lease): void {
    const { clock, state } = this.#options;
    const until = clock() + LONGEST_PROBE_MS;
    clearInterval(target.probeRenewal);
    const renewal = setInterval(() => {
      const now = clock();
      if (target.probeFence !== lease.fence || now >= until) clearInterval(renewal);
      else {
        target.probeUntil = now + PROBE_LEASE_MS;
        // Where it is lost another process probes already; the word of this one still counts.
        if (lease.key !== '') state.renewLease(lease, PROBE_LEASE_MS).catch(() => undefined);
      }
    }, PROBE_RENEWAL_MS).unref();
    target.probeRenewal = renewal;
  }

  #release(lease: Lease): void {
    if (lease.key === '') return;
    this.#options.state.releaseLease(lease).catch(() => undefined);
  }

  #targetOf(model: Model, scope: Scope): Target {
    const index = this.#byModel[scope];
    const known = index.get(model);
    if (known !== undefined) return known;
    const key = `${scope} ${model.ref} ${model.provider.baseUrl}`;
    const target = this.#targets.get(key) ?? this.#newTarget(key);
    index.set(model, target);
    return target;
  }

  /** A state that is slow is not waited for. */
  async #learn(target: Target): Promise<void> {
    const enough = new AbortController();
    const waited = pause(LEARNING_MS, enough.signal);
    await Promise.race([this.#mirror.track(target.key), waited]);
    enough.abort();
    target.learning = undefined;
  }

  #newTarget(key: string): Target {
    if (this.#targets.size >= MAX_TARGETS) this.#prune();
    const target: Target = {
      key,
      name: nameOf(key),
      generation: 1,
      circuit: CLOSED,
      jitter: 1,
      failures: [],
      pass: undefined,
      probeUntil: 0,
      probeFence: -1,
      probeRenewal: undefined,
      learning: undefined,
    };
    this.#targets.set(key, target);
    target.learning = this.#learn(target);
    return target;
  }

  /** Forgets the healthy ones, and where that is not enough the oldest. */
  #prune(): void {
    for (const [key, target] of this.#targets) {
      if (target.circuit.state === 'closed' && target.failures.length === 0) this.#targets.delete(key);
    }
    for (const key of this.#targets.keys()) {
      if (this.#targets.size < MAX_TARGETS) break;
      this.#targets.delete(key);
    }
    this.#byModel = newIndex();
  }
}

function newIndex(): Readonly<Record<Scope, WeakMap<Model, Target>>> {
  return { chat: new WeakMap(), embeddings: new WeakMap(), 'count-tokens': new WeakMap() };
}

/** `provider:model`, with the scope where it is not the usual one. */
function nameOf(key: string): string {
  const scope = key.slice(0, key.indexOf(' '));
  const ref = key.slice(scope.length + 1, key.lastIndexOf(' '));
  return scope === 'chat' ? ref : `${ref} ${scope}`;
}
