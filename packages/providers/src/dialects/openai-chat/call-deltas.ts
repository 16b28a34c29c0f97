import type { StreamPart } from '@moltbot/contracts';
import { readList } from '../../read-json.js';
import { readCall, type SaidCall } from './from-content.js';
import { readThoughtSignature } from './from-messages.js';

interface OpenCall {
  /** Ours: 0, 1, 2 … within the choice. */
  readonly index: number;
  id: string | undefined;
  started: boolean;
  /** Arguments that came before the name. */
  waiting: string;
}

/**
 * The calls of one choice, put together from `tool_calls` deltas. OpenAI numbers them and gives id and name first; other
 * servers leave out the index or the id, give every call the index 0, or repeat the id with each piece.
 */
export class CallDeltas {
  readonly #choice: number;
  readonly #calls: OpenCall[] = [];
  readonly #byUpstreamIndex = new Map<number, OpenCall>();
  readonly #byId = new Map<string, OpenCall>();

  constructor(choice: number) {
    this.#choice = choice;
  }

  /** @param answerId makes ids that the server left out differ between answers */
  read(value: unknown, answerId: string, parts: StreamPart[]): void {
    for (const item of readList(value)) {
      const said = readCall(item);
      if (said !== undefined) this.#add(said, answerId, parts);
    }
  }

  /** Calls whose name never came are said without one, so that nothing is lost. */
  finish(answerId: string, parts: StreamPart[]): void {
    for (const call of this.#calls) if (!call.started) this.#start(call, '', answerId, parts);
  }

  #add(said: SaidCall, answerId: string, parts: StreamPart[]): void {
    const call = this.#find(said);
    if (call.id === undefined && said.id !== undefined) {
      call.id = said.id;
      if (!this.#byId.has(said.id)) this.#byId.set(said.id, call);
    }
    if (!call.started) {
      if (said.name === undefined) {
        call.waiting += said.arguments;
        return;
      }
      this.#start(call, said.name, answerId, parts, readThoughtSignature(said.call));
    }
    this.#say(call, said.arguments, parts);
  }

  #find(said: SaidCall): OpenCall {
    const known =
      said.index === undefined
        ? ((said.id === undefined ? undefined : this.#byId.get(said.id)) ?? this.#lastFor(said))
        : this.#byUpstreamIndex.get(said.index);
    // A name and another id begin another call, whatever the index says.
    const another =
      known !== undefined && said.name !== undefined && said.id !== undefined && known.id !== undefined
        ? said.id !== known.id
        : false;
    if (known !== undefined && !another) return known;
    const call: OpenCall = { index: this.#calls.length, id: undefined, started: false, waiting: '' };
    this.#calls.push(call);
    if (said.index !== undefined) this.#byUpstreamIndex.set(said.index, call);
    return call;
  }

  /** Without index and known id: a name begins a call, anything else goes on with the last one. */
  #lastFor(said: SaidCall): OpenCall | undefined {
    return said.name === undefined ? this.#calls.at(-1) : undefined;
  }

  #start(call: OpenCall, name: string, answerId: string, parts: StreamPart[], signature?: string): void {
    call.started = true;
    call.id ??= `call_${answerId}_${this.#choice}_${call.index}`;
    parts.push({
      type: 'tool-call-start',
      choice: this.#choice,
      index: call.index,
      id: call.id,
      name,
      ...(signature === undefined ? {} : { signature }),
    });
    this.#say(call, call.waiting, parts);
  }

  #say(call: OpenCall, text: string, parts: StreamPart[]): void {
    if (text === '') return;
    parts.push({ type: 'tool-call-delta', choice: this.#choice, index: call.index, arguments: text });
  }
}
