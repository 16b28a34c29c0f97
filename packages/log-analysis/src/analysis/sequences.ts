import { resolveTemplate, type Template } from '../miner/template.js';

/** Ids that are followed at a time, per generation. */
const MAX_IDS = 6_000;
const MAX_TRANSITIONS = 20_000;
const TRACE_LENGTH = 16;
const MAX_TRACES = 200;

interface Followed {
  last: Template | undefined;
  errors: number;
  odd: boolean;
  lines: number;
  readonly steps: { template: Template; timestampMs: number; level: number }[];
}

interface Transition {
  readonly from: Template | undefined;
  readonly to: Template;
  count: number;
  readonly exampleId: string;
}

export interface OddStep {
  readonly from: Template | undefined;
  readonly to: Template;
  readonly count: number;
  /** Share of what follows `from`. */
  readonly share: number;
  readonly exampleId: string;
}

export interface Trace {
  readonly id: string;
  readonly lines: number;
  readonly errors: number;
  readonly odd: boolean;
  /** The last two dozen. */
  readonly steps: readonly { readonly template: Template; readonly timestampMs: number; readonly level: number }[];
}

/** Which template follows which within one request or conversation; bounded: idle ids are forgotten, as are new transitions when full. */
export class Sequences {
  #young = new Map<string, Followed>();
  #old = new Map<string, Followed>();
  readonly #transitions = new Map<number, Transition>();
  readonly #traces = new Map<string, Followed>();
  /** Transitions that found no place. */
  skipped = 0;
  ids = 0;

  add(id: string, template: Template, timestampMs: number, level: number): void {
    const followed = this.#follow(id);
    const key = (followed.last?.serial ?? 0) * 2 ** 26 + template.serial;
    let transition = this.#transitions.get(key);
    if (transition === undefined) {
      if (this.#transitions.size < MAX_TRANSITIONS) {
        transition = { from: followed.last, to: template, count: 0, exampleId: id };
        this.#transitions.set(key, transition);
      } else this.skipped += 1;
    }
    if (transition !== undefined) transition.count += 1;
    followed.last = template;
    followed.lines += 1;
    if (followed.steps.length >= TRACE_LENGTH) followed.steps.shift();
    followed.steps.push({ template, timestampMs, level });
    if (level >= 5) {
      followed.errors += 1;
      if (this.#traces.size < MAX_TRACES) this.#traces.set(id, followed);
    }
  }

  #follow(id: string): Followed {
    let followed = this.#young.get(id);
    if (followed !== undefined) return followed;
    followed = this.#old.get(id);
    if (followed === undefined) {
      this.ids += 1;
      followed = { last: undefined, errors: 0, odd: false, lines: 0, steps: [] };
    } else this.#old.delete(id);
    if (this.#young.size >= MAX_IDS) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(id, followed);
    return followed;
  }

  /** Transitions that are rare where the step before is frequent: at most 1 % of at least 50. */
  odd(most: number): OddStep[] {
    const merged = new Map<string, Transition>();
    const totals = new Map<number, number>();
    for (const { from, to, count, exampleId } of this.#transitions.values()) {
      const source = from === undefined ? undefined : resolveTemplate(from);
      const target = resolveTemplate(to);
      if (target.evicted || source?.evicted === true) continue;
      const key = `${source?.serial ?? 0}>${target.serial}`;
      const known = merged.get(key);
      if (known === undefined) merged.set(key, { from: source, to: target, count, exampleId });
      else known.count += count;
      totals.set(source?.serial ?? 0, (totals.get(source?.serial ?? 0) ?? 0) + count);
    }
    return [...merged.values()]
      .map((each) => ({ ...each, share: each.count / (totals.get(each.from?.serial ?? 0) as number) }))
      .filter(({ from, share }) => share <= 0.01 && (totals.get(from?.serial ?? 0) as number) >= 50)
      .sort((a, b) => a.share - b.share)
      .slice(0, most);
  }

  /** The ids with most errors, then those with odd steps, as far as they are remembered. */
  traces(most: number, odd: readonly OddStep[]): Trace[] {
    const chosen = new Map<string, Followed>(
      [...this.#traces].sort((a, b) => b[1].errors - a[1].errors).slice(0, most),
    );
    for (const { exampleId } of odd) {
      const followed = this.#young.get(exampleId) ?? this.#old.get(exampleId) ?? this.#traces.get(exampleId);
      if (followed === undefined || (chosen.size >= most && !chosen.has(exampleId))) continue;
      followed.odd = true;
      chosen.set(exampleId, followed);
    }
    return [...chosen].map(([id, { lines, errors, odd: isOdd, steps }]) => ({
      id,
      lines,
      errors,
      odd: isOdd,
      steps: steps
        .map((step) => ({ ...step, template: resolveTemplate(step.template) }))
        .filter(({ template }) => !template.evicted),
    }));
  }
}
