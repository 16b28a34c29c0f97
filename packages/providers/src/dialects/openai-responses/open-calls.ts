import { GatheredText } from '../../gathered-text.js';
import type { JsonObject } from '../../json-object.js';
import { parseJson, readObject } from '../../read-json.js';
import { callItem, type ItemStatus } from './output-items.js';

/** A call whose arguments are being said. */
export interface OpenCall {
  /** `output_index` */
  readonly index: number;
  readonly id: string;
  readonly callId: string;
  readonly name: string;
  readonly text: GatheredText;
}

/** The calls of an answer that may still get arguments, by their number in our words. */
export class OpenCalls {
  readonly #calls = new Map<number, OpenCall>();

  start(number: number, call: Omit<OpenCall, 'text'>): OpenCall {
    const started = { ...call, text: new GatheredText() };
    this.#calls.set(number, started);
    return started;
  }

  /** @returns undefined where the call is over, or never began */
  add(number: number, text: string): OpenCall | undefined {
    const call = this.#calls.get(number);
    call?.text.add(text);
    return call;
  }

  open(): readonly OpenCall[] {
    return [...this.#calls.values()];
  }

  /** Those whose arguments are whole: nothing can follow. */
  whole(): readonly OpenCall[] {
    return this.open().filter(({ text }) => readObject(parseJson(text.text)) !== undefined);
  }

  close(call: OpenCall): void {
    for (const [number, open] of this.#calls) if (open === call) this.#calls.delete(number);
  }

  itemOf({ id, callId, name, text }: OpenCall, status: ItemStatus): JsonObject {
    return callItem({ id, status, callId, name, text: text.text });
  }
}
