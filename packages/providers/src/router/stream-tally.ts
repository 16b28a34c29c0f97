import { isContent, type FinishReason, type StreamPart, type Usage } from '@moltbot/contracts';
import { ShownText } from './shown-text.js';

/** What one upstream stream has said so far. */
export class StreamTally {
  /** Of the first choice. */
  readonly shown = new ShownText();
  /** Bytes of all content in UTF-8, for an estimate of the tokens. */
  bytes = 0;
  /** Whether content has come that can't be continued: a tool call, a refusal, a second choice. */
  hasUncontinuable = false;
  hasContent = false;
  usage: Usage | undefined;
  finishReason: FinishReason | undefined;
  /** The dialect's end marker. */
  ended = false;

  /** @returns whether there is content among the parts */
  add(parts: readonly StreamPart[]): boolean {
    let content = false;
    for (const part of parts) {
      if (isContent(part)) content = true;
      switch (part.type) {
        case 'text-delta':
          this.bytes += Buffer.byteLength(part.text);
          if (part.choice === 0) this.shown.add(part.text);
          else this.hasUncontinuable = true;
          break;
        case 'reasoning-delta':
          this.bytes += Buffer.byteLength(part.text);
          break;
        case 'refusal-delta':
          this.bytes += Buffer.byteLength(part.text);
          if (part.text !== '') this.hasUncontinuable = true;
          break;
        case 'tool-call-start':
          this.bytes += Buffer.byteLength(part.name);
          this.hasUncontinuable = true;
          break;
        case 'tool-call-delta':
          this.bytes += Buffer.byteLength(part.arguments);
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
}
