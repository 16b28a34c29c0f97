import type { StreamPart, Usage } from '@moltbot/contracts';
import type { AnswerContext, DoorError, StreamWriter } from '../../dialect-door.js';
import { toExtraContent, toFinishReason, toUsage } from './to-answer.js';
import { toError } from './to-error.js';

const DONE = 'data: [DONE]\n\n';

/** Says an answer as `chat.completion.chunk` events. */
export function createStreamWriter(context: AnswerContext): StreamWriter {
  return new Writer(context);
}

class Writer implements StreamWriter {
  readonly #context: AnswerContext;
  /** Up to `"choices":`: the same in each chunk of the answer. */
  #head: string;
  /** Choices whose first chunk, the one with the role, is out. */
  readonly #started = new Set<number>();
  readonly #finished = new Set<number>();
  #usage: Usage | undefined;
  #saidUsage = false;
  #over = false;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#head = headOf(context, context.id, context.model);
  }

  write(parts: readonly StreamPart[]): string {
    let text = '';
    for (const part of parts) if (!this.#over) text += this.#writePart(part);
    return text;
  }

  end(): string {
    if (this.#over) return '';
    let text = this.#start(0);
    for (const choice of this.#started) if (!this.#finished.has(choice)) text += this.#finish(choice, 'stop');
    if (this.#context.includeUsage && !this.#saidUsage && this.#usage !== undefined) {
      this.#saidUsage = true;
      text += `${this.#head}[],"usage":${JSON.stringify(toUsage(this.#usage))}}\n\n`;
    }
    this.#over = true;
    return text + DONE;
  }

  error(error: DoorError): string {
    if (this.#over) return '';
    this.#over = true;
    // One event says both: clients that look for `error` stop here, others see a finish reason that is no success.
    const choices = `[{"index":0,"delta":{},"finish_reason":"error"}]`;
    return `${this.#head}${choices},"error":${JSON.stringify(toError(error)['error'])}}\n\n`;
  }

  resume(
    parts: readonly StreamPart[],
    upstream: { readonly id?: string | undefined; readonly model?: string | undefined },
  ): void {
    const { id, model } = upstream;
    this.#head = headOf(this.#context, id ?? this.#context.id, model ?? this.#context.model);
    // The upstream's own first chunk said the role.
    this.#started.add(0);
    this.write(parts);
    this.#saidUsage ||= this.#usage !== undefined && this.#context.includeUsage;
  }

  #writePart(part: StreamPart): string {
    switch (part.type) {
      case 'start':
        return this.#start(0);
      case 'text-delta':
        return part.text === '' ? '' : this.#say(part.choice, `{"content":${JSON.stringify(part.text)}}`);
      case 'reasoning-delta':
        return part.text === '' ? '' : this.#say(part.choice, `{"reasoning_content":${JSON.stringify(part.text)}}`);
      case 'refusal-delta':
        return part.text === '' ? '' : this.#say(part.choice, `{"refusal":${JSON.stringify(part.text)}}`);
      case 'tool-call-start': {
        const call = {
          index: part.index,
          id: part.id,
          type: 'function',
          function: { name: part.name, arguments: '' },
          ...(part.signature === undefined ? {} : toExtraContent(part.signature)),
        };
        return this.#say(part.choice, `{"tool_calls":[${JSON.stringify(call)}]}`);
      }
      case 'tool-call-delta':
        return this.#say(
          part.choice,
          `{"tool_calls":[{"index":${part.index},"function":{"arguments":${JSON.stringify(part.arguments)}}}]}`,
        );
      case 'reasoning-seal':
        // The dialect has no place for it.
        return '';
      case 'finish':
        return this.#finish(part.choice, toFinishReason(part.reason));
      case 'usage':
        this.#usage = part.usage;
        return '';
      case 'end':
        return this.end();
    }
  }

  #start(choice: number): string {
    if (this.#started.has(choice)) return '';
    this.#started.add(choice);
    return this.#chunk(choice, '{"role":"assistant","content":""}', 'null');
  }

  #say(choice: number, delta: string): string {
    return this.#start(choice) + this.#chunk(choice, delta, 'null');
  }

  #finish(choice: number, reason: string): string {
    if (this.#finished.has(choice)) return '';
    const start = this.#start(choice);
    this.#finished.add(choice);
    return start + this.#chunk(choice, '{}', JSON.stringify(reason));
  }

  #chunk(choice: number, delta: string, finishReason: string): string {
    return `${this.#head}[{"index":${choice},"delta":${delta},"logprobs":null,"finish_reason":${finishReason}}]}\n\n`;
  }
}

function headOf({ created }: AnswerContext, id: string, model: string): string {
  return `data: {"id":${JSON.stringify(id)},"object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(model)},"choices":`;
}
