import type { FinishReason, StreamPart, Usage } from '@moltbot/contracts';
import type { JsonObject } from '../../caller-request.js';
import type { AnswerContext, DoorError, StreamWriter } from '../../dialect-door.js';
import { type BlockKind, positionOf } from './block-position.js';
import { JsonProgress } from './json-progress.js';
import { toStopReason } from './map-stop-reason.js';
import { toUsage } from './map-usage.js';
import { messageHead, toStopDetails, USAGE_REST } from './to-answer.js';
import { toError } from './to-error.js';
import { UNSIGNED } from './unsigned-thinking.js';

type ContentPart = Exclude<StreamPart, { readonly type: 'start' | 'finish' | 'usage' | 'end' }>;

interface OpenBlock {
  readonly index: number;
  readonly kind: BlockKind;
  /** Number of the call whose arguments the block holds. */
  readonly call: number;
  /** `undefined` where the block may be closed at any time. */
  readonly progress: JsonProgress | undefined;
}

/**
 * Says an answer as a Messages stream. Blocks follow one another there, so what comes while a call's arguments are not whole
 * (parallel calls in turns) waits until they are. `message_delta` is written at the end, when the last usage is known.
 * Thinking is closed with a signature of ours (`unsigned-thinking`); choices other than 0 are left out.
 */
export function createStreamWriter(context: AnswerContext): StreamWriter {
  return new Writer(context);
}

class Writer implements StreamWriter {
  readonly #context: AnswerContext;
  #started = false;
  #next = 0;
  #open: OpenBlock | undefined;
  #waiting: ContentPart[] = [];
  #hasToolCalls = false;
  #refused = false;
  #finish: FinishReason | undefined;
  #usage: Usage | undefined;
  #saidFinish = false;
  #over = false;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  write(parts: readonly StreamPart[]): string {
    let text = '';
    for (const part of parts) text += this.#writePart(part);
    return text;
  }

  end(): string {
    if (this.#over) return '';
    const text = this.#start() + this.#sayFinish();
    this.#over = true;
    return `${text}event: message_stop\ndata: {"type":"message_stop"}\n\n`;
  }

  error(error: DoorError): string {
    if (this.#over) return '';
    this.#over = true;
    return toEvent('error', toError(error));
  }

  /** Exact where `parts` holds the `start` part itself that this dialect's reader gave; else blocks are guessed from the parts. */
  resume(parts: readonly StreamPart[]): void {
    this.#started = true;
    this.write(parts);
    this.#sayWaiting();
    this.#saidFinish = this.#finish !== undefined;
    const position = positionOf(parts);
    if (position === undefined) return;
    this.#next = position.next;
    this.#open = position.open && { ...position.open, call: -1, progress: undefined };
    this.#saidFinish = position.finished;
    this.#over = position.ended;
  }

  #writePart(part: StreamPart): string {
    if (this.#over || ('choice' in part && part.choice !== 0)) return '';
    switch (part.type) {
      case 'start':
        return this.#start();
      case 'usage':
        this.#usage = part.usage;
        return '';
      case 'finish':
        this.#finish = part.reason;
        return this.#sayWaiting();
      case 'end':
        return this.end();
      default:
        return this.#started ? this.#writeContent(part) : this.#start() + this.#writeContent(part);
    }
  }

  #start(): string {
    if (this.#started) return '';
    this.#started = true;
    const usage = this.#usage ?? {
      inputTokens: this.#context.estimatedInputTokens,
      outputTokens: 0,
      source: 'estimated' as const,
    };
    return toEvent('message_start', {
      type: 'message_start',
      message: {
        ...messageHead(this.#context),
        content: [],
        stop_reason: null,
        stop_sequence: null,
        stop_details: null,
        usage: { ...toUsage(usage), ...USAGE_REST },
      },
    });
  }

  #writeContent(part: ContentPart): string {
    const open = this.#open;
    if (open?.progress !== undefined && !open.progress.isWhole) {
      if (part.type !== 'tool-call-delta' || part.index !== open.call) {
        this.#waiting.push(part);
        return '';
      }
    }
    const text = this.#sayContent(part);
    if (this.#waiting.length === 0 || this.#open?.progress?.isWhole === false) return text;
    const waiting = this.#waiting;
    this.#waiting = [];
    return text + this.#writeAll(waiting);
  }

  #writeAll(parts: readonly ContentPart[]): string {
    let text = '';
    for (const part of parts) text += this.#writeContent(part);
    return text;
  }

  /** All that waits, call by call: no more arguments will come for the open one. */
  #sayWaiting(): string {
    let text = '';
    while (this.#waiting.length > 0) {
      text += this.#close();
      const waiting = this.#waiting;
      this.#waiting = [];
      text += this.#writeAll(waiting);
    }
    return text;
  }

  #sayContent(part: ContentPart): string {
    switch (part.type) {
      case 'text-delta':
        return part.text === '' ? '' : this.#sayText(part.text);
      case 'refusal-delta':
        this.#refused = true;
        return part.text === '' ? '' : this.#sayText(part.text);
      case 'reasoning-delta':
        return part.text === '' ? '' : this.#sayThinking(part.text);
      case 'reasoning-seal':
        return this.#open?.kind === 'thinking' ? this.#close() : '';
      case 'tool-call-start':
        return this.#startCall(part.index, part.id, part.name);
      default:
        return this.#sayArguments(part.index, part.arguments);
    }
  }

  #sayText(text: string): string {
    let before = '';
    if (this.#open?.kind !== 'text') {
      before = this.#openBlock('text', '{"type":"text","text":"","citations":null}');
    }
    return `${before}${deltaHead(this.#open)}"text_delta","text":${JSON.stringify(text)}}}\n\n`;
  }

  #sayThinking(text: string): string {
    let before = '';
    if (this.#open?.kind !== 'thinking') {
      before = this.#openBlock('thinking', '{"type":"thinking","thinking":"","signature":""}');
    }
    return `${before}${deltaHead(this.#open)}"thinking_delta","thinking":${JSON.stringify(text)}}}\n\n`;
  }

  #startCall(call: number, id: string, name: string): string {
    this.#hasToolCalls = true;
    const head = JSON.stringify({ type: 'tool_use', id, caller: { type: 'direct' }, name, input: {} });
    return this.#openBlock('tool', head, call);
  }

  #sayArguments(call: number, text: string): string {
    const open = this.#open;
    // Arguments of a call that is closed, which was whole, or that never started.
    if (open?.kind !== 'tool' || open.call !== call || text === '') return '';
    open.progress?.push(text);
    return `${deltaHead(open)}"input_json_delta","partial_json":${JSON.stringify(text)}}}\n\n`;
  }

  #openBlock(kind: BlockKind, block: string, call = -1): string {
    const closed = this.#close();
    const index = this.#next;
    this.#next += 1;
    this.#open = { index, kind, call, progress: kind === 'tool' ? new JsonProgress() : undefined };
    return `${closed}event: content_block_start\ndata: {"type":"content_block_start","index":${index},"content_block":${block}}\n\n`;
  }

  #close(): string {
    const open = this.#open;
    if (open === undefined) return '';
    this.#open = undefined;
    const seal = open.kind === 'thinking' ? `${deltaHead(open)}"signature_delta","signature":"${UNSIGNED}"}}\n\n` : '';
    return `${seal}event: content_block_stop\ndata: {"type":"content_block_stop","index":${open.index}}\n\n`;
  }

  #sayFinish(): string {
    if (this.#saidFinish) return '';
    this.#saidFinish = true;
    const text = this.#sayWaiting() + this.#close();
    const stopReason = toStopReason(this.#refused ? 'refusal' : (this.#finish ?? 'stop'), this.#hasToolCalls);
    const usage: JsonObject = this.#usage === undefined ? { output_tokens: 0 } : toUsage(this.#usage);
    const delta = {
      stop_reason: stopReason,
      stop_sequence: null,
      stop_details: toStopDetails(stopReason),
      container: null,
    };
    return text + toEvent('message_delta', { type: 'message_delta', delta, usage });
  }
}

function deltaHead(open: OpenBlock | undefined): string {
  return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${open?.index ?? 0},"delta":{"type":`;
}

function toEvent(name: string, data: JsonObject): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
