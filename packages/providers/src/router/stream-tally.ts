import { isContent, type FinishReason, type StreamPart, type Usage } from '@moltbot/contracts';
import { ShownText } from './shown-text.js';

/** What one upstream stream has said so far. */
export class StreamTally {
  /** Of the first choice. */
  readonly shown = new ShownText();
  /** Characters of all content, for an estimate of the tokens. */
  characters = 0;
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
          this.characters += part.text.length;
          if (part.choice === 0) this.shown.add(part.text);
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
}
