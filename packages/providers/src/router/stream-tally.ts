import { isContent, type FinishReason, type StreamPart, type Usage } from '@moltbot/contracts';

/** Pieces are copied together once they are this long. */
const LOOSE_LENGTH = 4_096;

/** What one upstream stream has said so far. */
export class StreamTally {
  #text = '';
  /** The end of the text, in the pieces that came. */
  #loose = '';
  /** Characters of all content, for an estimate of the tokens. */
  characters = 0;
  /** Whether content has come that can't be continued: a tool call, a refusal, a second choice. */
  hasUncontinuable = false;
  hasContent = false;
  usage: Usage | undefined;
  finishReason: FinishReason | undefined;
  /** The dialect's end marker. */
  ended = false;

  /** Of the first choice. */
  get text(): string {
    return this.#text + this.#loose;
  }

  /** @returns whether there is content among the parts */
  add(parts: readonly StreamPart[]): boolean {
    let content = false;
    for (const part of parts) {
      if (isContent(part)) content = true;
      switch (part.type) {
        case 'text-delta':
          this.characters += part.text.length;
          if (part.choice === 0) this.#say(part.text);
          else this.hasUncontinuable = true;
          break;
        case 'reasoning-delta':
          this.characters += part.text.length;
          break;
        case 'refusal-delta':
          this.characters += part.text.length;
          if (part.text !== '') this.hasUncontinuable = true;
          break;
        case 'tool-call-start':
          this.characters += part.name.length;
          this.hasUncontinuable = true;
          break;
        case 'tool-call-delta':
          this.characters += part.arguments.length;
          this.hasUncontinuable = true;
          break;
        case 'finish':
          this.finishReason ??= part.reason;
          break;
        case 'usage':
          this.usage = part.usage;
          break;
        case 'end':
          this.ended = true;
          break;
        case 'start':
        case 'reasoning-seal':
          break;
      }
    }
    if (content) this.hasContent = true;
    return content;
  }

  /**
   * Each piece is a slice of the chunk it came in, and keeps the chunk: a long answer would hold all the bytes of its stream,
   * ten times the text.
   */
  #say(text: string): void {
    this.#loose += text;
    if (this.#loose.length < LOOSE_LENGTH) return;
    this.#text += copyOf(this.#loose);
    this.#loose = '';
  }
}

/** Through bytes and back is a copy for sure: ASCII takes a byte a character, and UTF-16 is exact for lone surrogates too. */
function copyOf(text: string): string {
  const utf8 = Buffer.from(text, 'utf8');
  return utf8.length === text.length ? utf8.toString('latin1') : Buffer.from(text, 'utf16le').toString('utf16le');
}
