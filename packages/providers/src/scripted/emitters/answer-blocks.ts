import type { ContentPart } from '../../demo/emitter.js';

/** A run of parts of the same kind: what whole answers are made of. */
export type AnswerBlock =
  | { readonly type: 'text'; text: string }
  | { readonly type: 'refusal'; text: string }
  | { readonly type: 'reasoning'; text: string; signature?: string | undefined; redacted?: string | undefined }
  | {
      readonly type: 'tool-call';
      readonly index: number;
      readonly id: string;
      readonly name: string;
      readonly signature?: string | undefined;
      arguments: string;
    };

/** Parts joined to blocks in the order of their first part. */
export function toBlocks(parts: readonly ContentPart[]): readonly AnswerBlock[] {
  const blocks: AnswerBlock[] = [];
  for (const part of parts) addPart(blocks, part);
  return blocks;
}

function addPart(blocks: AnswerBlock[], part: ContentPart): void {
  const last = blocks.at(-1);
  switch (part.type) {
    case 'text-delta':
      if (last?.type === 'text') last.text += part.text;
      else blocks.push({ type: 'text', text: part.text });
      return;
    case 'refusal-delta':
      if (last?.type === 'refusal') last.text += part.text;
      else blocks.push({ type: 'refusal', text: part.text });
      return;
    case 'reasoning-delta':
      if (last?.type === 'reasoning' && last.signature === undefined && last.redacted === undefined) {
        last.text += part.text;
      } else blocks.push({ type: 'reasoning', text: part.text });
      return;
    case 'reasoning-seal':
      if (last?.type === 'reasoning' && part.redacted === undefined) last.signature = part.signature;
      else blocks.push({ type: 'reasoning', text: '', signature: part.signature, redacted: part.redacted });
      return;
    case 'tool-call-start':
      blocks.push({
        type: 'tool-call',
        index: part.index,
        id: part.id,
        name: part.name,
        signature: part.signature,
        arguments: '',
      });
      return;
    case 'tool-call-delta': {
      const call = blocks.find((block) => block.type === 'tool-call' && block.index === part.index);
      if (call?.type === 'tool-call') call.arguments += part.arguments;
    }
  }
}

/** A tool call's arguments as the object they spell; `{}` where they spell none. */
export function argumentsObject(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return {};
  }
}
