import type { JsonObject } from '../../caller-request.js';
import type { ContentPart } from '../../demo/emitter.js';
import { type AnswerBlock, toBlocks } from './answer-blocks.js';

/** One output item of a streamed response while it is written. */
export interface OpenItem {
  readonly key: string;
  /** `output_index` */
  readonly index: number;
  readonly id: string;
  open: boolean;
  readonly parts: ContentPart[];
}

/** Which item a part belongs to. */
export function itemKey(part: ContentPart): string {
  switch (part.type) {
    case 'text-delta':
      return 'msg text';
    case 'refusal-delta':
      return 'msg refusal';
    case 'reasoning-delta':
    case 'reasoning-seal':
      return 'rs reasoning';
    case 'tool-call-start':
    case 'tool-call-delta':
      return `call ${part.index}`;
  }
}

export function addedEvents(item: OpenItem, part: ContentPart): readonly JsonObject[] {
  const place = { item_id: item.id, output_index: item.index };
  const added = (value: JsonObject) => ({ type: 'response.output_item.added', output_index: item.index, item: value });
  switch (part.type) {
    case 'text-delta':
    case 'refusal-delta': {
      const shell = { id: item.id, type: 'message', status: 'in_progress', role: 'assistant', content: [] };
      const empty = part.type === 'text-delta' ? outputText('') : { type: 'refusal', refusal: '' };
      return [added(shell), { type: 'response.content_part.added', ...place, content_index: 0, part: empty }];
    }
    case 'reasoning-delta':
      return [
        added({ id: item.id, type: 'reasoning', summary: [] }),
        { type: 'response.reasoning_summary_part.added', ...place, summary_index: 0, part: summaryText('') },
      ];
    case 'reasoning-seal':
      return [added({ id: item.id, type: 'reasoning', summary: [] })];
    case 'tool-call-start':
    case 'tool-call-delta':
      return [added({ ...toItem(firstBlock([part]), item.id), status: 'in_progress' })];
  }
}

export function deltaEvents(item: OpenItem, part: ContentPart): readonly JsonObject[] {
  const place = { item_id: item.id, output_index: item.index };
  switch (part.type) {
    case 'text-delta':
      return [{ type: 'response.output_text.delta', ...place, content_index: 0, delta: part.text, logprobs: [] }];
    case 'refusal-delta':
      return [{ type: 'response.refusal.delta', ...place, content_index: 0, delta: part.text }];
    case 'reasoning-delta':
      return [{ type: 'response.reasoning_summary_text.delta', ...place, summary_index: 0, delta: part.text }];
    case 'tool-call-delta':
      return [{ type: 'response.function_call_arguments.delta', ...place, delta: part.arguments }];
    case 'reasoning-seal':
    case 'tool-call-start':
      return [];
  }
}

export function doneEvents(item: OpenItem): readonly JsonObject[] {
  const block = firstBlock(item.parts);
  const place = { item_id: item.id, output_index: item.index };
  const done = { type: 'response.output_item.done', output_index: item.index, item: toItem(block, item.id) };
  switch (block.type) {
    case 'text':
      return [
        { type: 'response.output_text.done', ...place, content_index: 0, text: block.text, logprobs: [] },
        { type: 'response.content_part.done', ...place, content_index: 0, part: outputText(block.text) },
        done,
      ];
    case 'refusal':
      return [
        { type: 'response.refusal.done', ...place, content_index: 0, refusal: block.text },
        {
          type: 'response.content_part.done',
          ...place,
          content_index: 0,
          part: { type: 'refusal', refusal: block.text },
        },
        done,
      ];
    case 'reasoning':
      return [
        { type: 'response.reasoning_summary_text.done', ...place, summary_index: 0, text: block.text },
        { type: 'response.reasoning_summary_part.done', ...place, summary_index: 0, part: summaryText(block.text) },
        done,
      ];
    case 'tool-call':
      return [
        { type: 'response.function_call_arguments.done', ...place, name: block.name, arguments: block.arguments },
        done,
      ];
  }
}

/** The output items of a finished response; encrypted reasoning belongs to the reasoning before it. */
export function toItems(blocks: readonly AnswerBlock[], responseId: string): readonly JsonObject[] {
  const joined: AnswerBlock[] = [];
  for (const block of blocks) {
    const last = joined.at(-1);
    if (block.type === 'reasoning' && block.redacted !== undefined && last?.type === 'reasoning') {
      joined[joined.length - 1] = { ...last, redacted: block.redacted };
    } else joined.push(block);
  }
  return joined.map((block, index) => toItem(block, itemId(index, responseId)));
}

/** An item has the same id in its events and in the finished response. */
export function itemId(index: number, responseId: string): string {
  return `item_${index}_${responseId}`;
}

function toItem(block: AnswerBlock, id: string): JsonObject {
  switch (block.type) {
    case 'text':
      return { id, type: 'message', status: 'completed', role: 'assistant', content: [outputText(block.text)] };
    case 'refusal':
      return {
        id,
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'refusal', refusal: block.text }],
      };
    case 'reasoning':
      return {
        id,
        type: 'reasoning',
        summary: block.text === '' ? [] : [summaryText(block.text)],
        ...(block.redacted === undefined ? {} : { encrypted_content: block.redacted }),
      };
    case 'tool-call':
      return {
        id,
        type: 'function_call',
        status: 'completed',
        call_id: block.id,
        name: block.name,
        arguments: block.arguments,
      };
  }
}

/** The block that an item's parts make; a seal after reasoning belongs to it. */
function firstBlock(parts: readonly ContentPart[]): AnswerBlock {
  const blocks = toBlocks(parts);
  const [first = { type: 'text', text: '' }] = blocks;
  const seal = blocks.find((block) => block.type === 'reasoning' && block.redacted !== undefined);
  return first.type === 'reasoning' && seal?.type === 'reasoning' ? { ...first, redacted: seal.redacted } : first;
}

function outputText(text: string): JsonObject {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function summaryText(text: string): JsonObject {
  return { type: 'summary_text', text };
}
