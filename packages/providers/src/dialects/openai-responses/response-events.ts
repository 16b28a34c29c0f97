import type { JsonObject } from '../../json-object.js';

/** Where an item stands in the answer. */
export interface ItemPlace {
  readonly id: string;
  /** `output_index` */
  readonly index: number;
}

/** The events of one response as text, numbered in their order. */
export class ResponseEvents {
  /** `sequence_number` of the next event. */
  next = 0;

  say(event: { readonly type: string } & JsonObject): string {
    return `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: this.#count() })}\n\n`;
  }

  /** Put together by hand: there is one for each token. `more` is JSON text of further members, each with a comma before it. */
  delta(type: string, { id, index }: ItemPlace, said: { readonly text: string; readonly more: string }): string {
    const place = `"item_id":${JSON.stringify(id)},"output_index":${index}`;
    return `event: ${type}\ndata: {"type":"${type}",${place},"delta":${JSON.stringify(said.text)}${said.more},"sequence_number":${this.#count()}}\n\n`;
  }

  #count(): number {
    this.next += 1;
    return this.next - 1;
  }
}

export function placeOf({ id, index }: ItemPlace): JsonObject {
  return { item_id: id, output_index: index };
}
