import { type FinishReason, MoltbotError, type StreamPart, type Usage } from '@moltbot/contracts';
import type { AnswerContext, DoorError, StreamWriter } from '../../dialect-door.js';
import { GatheredText } from '../../gathered-text.js';
import type { JsonObject } from '../../json-object.js';
import { readText } from '../../read-json.js';
import { type OpenCall, OpenCalls } from './open-calls.js';
import {
  itemId,
  type ItemStatus,
  messageItem,
  outputText,
  reasoningItem,
  refusal,
  summaryText,
} from './output-items.js';
import { type OutputPosition, positionOf } from './output-position.js';
import { carrySeal } from './own-reasoning.js';
import { placeOf, ResponseEvents } from './response-events.js';
import { echoOf, endOf, headOf, type ResponseEnd, type ResponseHead, toResponse } from './response-object.js';

/**
 * The last event holds the whole answer, so it has to be kept. Eight times of what the largest models write at once; in UTF-16
 * units.
 */
const LONGEST_ANSWER = 4_194_304;

type TextKind = 'output_text' | 'refusal';

/** The item that is being said, calls apart. */
type OpenItem =
  | {
      readonly kind: 'message';
      readonly index: number;
      readonly id: string;
      /** Parts that are whole. */
      readonly content: JsonObject[];
      part: { readonly type: TextKind; readonly text: GatheredText } | undefined;
    }
  | { readonly kind: 'reasoning'; readonly index: number; readonly id: string; readonly text: GatheredText };

/**
 * Says an answer as events of a response, numbered from 0. Items follow one another, except calls, whose arguments may come in
 * turns. The last event holds the whole answer once more. Choices other than 0 are left out. `write` throws `stream_interrupted`
 * where the answer gets too long for that.
 */
export function createStreamWriter(context: AnswerContext): StreamWriter {
  return new Writer(context);
}

class Writer implements StreamWriter {
  readonly #echo: JsonObject;
  #head: ResponseHead;
  #createdAt: number;
  readonly #events = new ResponseEvents();
  #nextIndex = 0;
  #started = false;
  #over = false;
  #open: OpenItem | undefined;
  readonly #calls = new OpenCalls();
  /** Items of the upstream's own that broke off, as it began them. */
  #broken: (readonly [index: number, item: JsonObject])[] = [];
  /** Items that are whole, by their index. */
  #output = new Map<number, JsonObject>();
  /** Of all that was said. */
  #length = 0;
  #hasRefusal = false;
  #finish: FinishReason = 'stop';
  #usage: Usage | undefined;

  constructor(context: AnswerContext) {
    this.#head = headOf(context);
    this.#createdAt = context.created;
    this.#echo = echoOf(context.asked);
  }

  write(parts: readonly StreamPart[]): string {
    let text = '';
    for (const part of parts) if (!this.#over) text += this.#writePart(part);
    return text;
  }

  end(): string {
    if (this.#over) return '';
    this.#over = true;
    const end = endOf(this.#finish, this.#hasRefusal);
    const text = this.#start() + this.#closeAll(end.status === 'incomplete' ? 'incomplete' : 'completed');
    return text + this.#events.say({ type: `response.${end.status}`, response: this.#response(end) });
  }

  error(error: DoorError): string {
    if (this.#over) return '';
    this.#over = true;
    const { code, message, param = null } = error;
    const end: ResponseEnd = { status: 'failed', error: { code, message } };
    const failed = this.#start() + this.#events.say({ type: 'response.failed', response: this.#response(end) });
    // OpenAI's own clients take the first for an event like any other, and throw at this one.
    return failed + this.#events.say({ type: 'error', code, message, param });
  }

  resume(parts: readonly StreamPart[], upstream: Parameters<StreamWriter['resume']>[1]): void {
    const { id = this.#head.id, model = this.#head.model, shown = '' } = upstream;
    this.#head = { id, model, createdAt: this.#createdAt };
    this.#started = true;
    const position = positionOf(parts);
    if (position === undefined) this.write(parts);
    else this.#goOn(position, shown);
  }

  segment({ model, replaces }: { readonly model: string; readonly replaces: boolean }): string {
    if (this.#over) return '';
    this.#head = { ...this.#head, model };
    if (!replaces) return '';
    const text = this.#start() + this.#closeAll('incomplete');
    const replaced = [...this.#output.values()].flatMap((item) => readText(item['id']) ?? []);
    this.#output.clear();
    // A type of our own would make OpenAI's client throw: it knows all there are.
    const response = { ...this.#response({ status: 'in_progress' }), moltbot: { replaced } };
    return text + this.#events.say({ type: 'response.in_progress', response });
  }

  /** Exactly where the upstream's own bytes stopped. */
  #goOn(position: OutputPosition, shown: string): void {
    this.#head = { ...this.#head, createdAt: position.createdAt ?? this.#createdAt };
    this.#events.next = position.sequence;
    this.#nextIndex = position.nextIndex;
    this.#over = position.ended;
    this.#output = new Map(position.done);
    this.#length = shown.length + (position.isForgotten ? LONGEST_ANSWER : 0);
    for (const [index, { item, content, textFrom }] of position.open) {
      const id = readText(item['id']);
      if (item['type'] !== 'message' || id === undefined || this.#open !== undefined) {
        this.#broken.push([index, item]);
        continue;
      }
      const text = textFrom === undefined ? undefined : new GatheredText(shown.slice(textFrom));
      const part = text && { type: 'output_text' as const, text };
      this.#open = { kind: 'message', index, id, content: [...content], part };
    }
  }

  #writePart(part: StreamPart): string {
    if ('choice' in part && part.choice !== 0) return '';
    switch (part.type) {
      case 'start':
        return this.#start();
      case 'text-delta':
        return part.text === '' ? '' : this.#sayText('output_text', part.text);
      case 'refusal-delta':
        if (part.text === '') return '';
        this.#hasRefusal = true;
        return this.#sayText('refusal', part.text);
      case 'reasoning-delta':
        return part.text === '' ? '' : this.#sayReasoning(part.text);
      case 'reasoning-seal':
        return this.#sealReasoning(carrySeal({ signature: part.signature, redacted: part.redacted }));
      case 'tool-call-start':
        return this.#startCall(part);
      case 'tool-call-delta':
        return this.#sayArguments(part.index, part.arguments);
      case 'finish':
        this.#finish = part.reason;
        return '';
      case 'usage':
        this.#usage = part.usage;
        return '';
      case 'end':
        return this.end();
    }
  }

  #start(): string {
    if (this.#started) return '';
    this.#started = true;
    const response = this.#response({ status: 'in_progress' });
    return (
      this.#events.say({ type: 'response.created', response }) +
      this.#events.say({ type: 'response.in_progress', response })
    );
  }

  #sayText(type: TextKind, delta: string): string {
    let before = '';
    if (this.#open?.kind !== 'message') before = this.#openMessage();
    const open = this.#open;
    if (open?.kind !== 'message') return before;
    if (open.part?.type !== type) before += this.#closePart() + this.#openPart(type);
    this.#keep(delta);
    open.part?.text.add(delta);
    const more = `,"content_index":${open.content.length}${type === 'output_text' ? ',"logprobs":[]' : ''}`;
    return before + this.#events.delta(`response.${type}.delta`, open, { text: delta, more });
  }

  #openMessage(): string {
    const closed = this.#start() + this.#closeWhole();
    const index = this.#takeIndex();
    const id = itemId('msg', this.#head.id, index);
    this.#open = { kind: 'message', index, id, content: [], part: undefined };
    return closed + this.#added(index, messageItem(id, 'in_progress', []));
  }

  #openPart(type: TextKind): string {
    const open = this.#open;
    if (open?.kind !== 'message') return '';
    open.part = { type, text: new GatheredText() };
    const part = toPart(type, '');
    return this.#events.say({
      type: 'response.content_part.added',
      ...placeOf(open),
      content_index: open.content.length,
      part,
    });
  }

  #closePart(): string {
    const open = this.#open;
    if (open?.kind !== 'message' || open.part === undefined) return '';
    const { type } = open.part;
    const said = open.part.text.text;
    const part = toPart(type, said);
    const at = { ...placeOf(open), content_index: open.content.length };
    open.content.push(part);
    open.part = undefined;
    const whole = type === 'refusal' ? { refusal: said } : { text: said, logprobs: [] };
    return (
      this.#events.say({ type: `response.${type}.done`, ...at, ...whole }) +
      this.#events.say({ type: 'response.content_part.done', ...at, part })
    );
  }

  #sayReasoning(delta: string): string {
    let before = '';
    if (this.#open?.kind !== 'reasoning') {
      before = this.#openReasoning();
      const open = this.#open;
      if (open === undefined) return before;
      const type = 'response.reasoning_summary_part.added';
      before += this.#events.say({ type, ...placeOf(open), summary_index: 0, part: summaryText('') });
    }
    const open = this.#open;
    if (open?.kind !== 'reasoning') return before;
    this.#keep(delta);
    open.text.add(delta);
    const said = { text: delta, more: ',"summary_index":0' };
    return before + this.#events.delta('response.reasoning_summary_text.delta', open, said);
  }

  #openReasoning(): string {
    const closed = this.#start() + this.#closeWhole();
    const index = this.#takeIndex();
    const id = itemId('rs', this.#head.id, index);
    this.#open = { kind: 'reasoning', index, id, text: new GatheredText() };
    return closed + this.#added(index, reasoningItem(id, []));
  }

  #sealReasoning(encryptedContent: string): string {
    const opened = this.#open?.kind === 'reasoning' ? '' : this.#openReasoning();
    return opened + this.#closeReasoning(encryptedContent);
  }

  #closeReasoning(encryptedContent?: string): string {
    const open = this.#open;
    if (open?.kind !== 'reasoning') return '';
    this.#open = undefined;
    const { text } = open.text;
    const part = summaryText(text);
    const at = { ...placeOf(open), summary_index: 0 };
    const said =
      text === ''
        ? ''
        : this.#events.say({ type: 'response.reasoning_summary_text.done', ...at, text }) +
          this.#events.say({ type: 'response.reasoning_summary_part.done', ...at, part });
    return said + this.#done(open.index, reasoningItem(open.id, text === '' ? [] : [part], encryptedContent));
  }

  #startCall(part: Extract<StreamPart, { type: 'tool-call-start' }>): string {
    const { id: callId, name, signature } = part;
    let before = this.#start() + this.#closeWhole();
    if (signature !== undefined) before += this.#sealReasoning(carrySeal({ signature, call: true }));
    const index = this.#takeIndex();
    const call = this.#calls.start(part.index, { index, id: itemId('fc', this.#head.id, index), callId, name });
    return before + this.#added(index, this.#calls.itemOf(call, 'in_progress'));
  }

  #sayArguments(index: number, delta: string): string {
    const call = this.#calls.add(index, delta);
    if (call === undefined || delta === '') return '';
    this.#keep(delta);
    return this.#events.delta('response.function_call_arguments.delta', call, { text: delta, more: '' });
  }

  #closeCalls(status: ItemStatus, calls: readonly OpenCall[]): string {
    let text = '';
    for (const call of calls) {
      this.#calls.close(call);
      const type = 'response.function_call_arguments.done';
      text += this.#events.say({ type, ...placeOf(call), name: call.name, arguments: call.text.text });
      text += this.#done(call.index, this.#calls.itemOf(call, status));
    }
    return text;
  }

  /** The message or the reasoning that is open, and what the upstream left open. */
  #closeItem(status: ItemStatus): string {
    let text = '';
    const broken = this.#broken;
    this.#broken = [];
    for (const [index, item] of broken) {
      text += this.#events.say({
        type: 'response.output_item.done',
        output_index: index,
        item: { ...item, status: 'incomplete' },
      });
    }
    const open = this.#open;
    if (open?.kind === 'reasoning') return text + this.#closeReasoning();
    if (open === undefined) return text;
    text += this.#closePart();
    this.#open = undefined;
    return text + this.#done(open.index, messageItem(open.id, status, open.content));
  }

  /** What can't go on once another item begins; a call whose arguments are not whole may. */
  #closeWhole(): string {
    return this.#closeItem('completed') + this.#closeCalls('completed', this.#calls.whole());
  }

  #closeAll(status: ItemStatus): string {
    return this.#closeItem(status) + this.#closeCalls(status, this.#calls.open());
  }

  #added(index: number, item: JsonObject): string {
    return this.#events.say({ type: 'response.output_item.added', output_index: index, item });
  }

  #done(index: number, item: JsonObject): string {
    this.#output.set(index, item);
    return this.#events.say({ type: 'response.output_item.done', output_index: index, item });
  }

  /** @throws MoltbotError `stream_interrupted` */
  #keep(text: string): void {
    this.#length += text.length;
    if (this.#length <= LONGEST_ANSWER) return;
    throw new MoltbotError('stream_interrupted', 'The answer is too long to be repeated at the end of its stream');
  }

  #takeIndex(): number {
    this.#nextIndex += 1;
    return this.#nextIndex - 1;
  }

  #response(end: ResponseEnd): JsonObject {
    const items = [...this.#output].toSorted(([one], [other]) => one - other);
    const isOver = end.status === 'completed' || end.status === 'incomplete';
    return toResponse({
      head: this.#head,
      echo: this.#echo,
      end,
      output: isOver ? items.map(([, item]) => item) : [],
      usage: end.status === 'in_progress' ? undefined : this.#usage,
    });
  }
}

function toPart(type: TextKind, text: string): JsonObject {
  return type === 'refusal' ? refusal(text) : outputText(text);
}
