import type { AssistantMessage, ChatAnswer } from '@moltbot/contracts';
import type { AnswerContext } from '../../dialect-door.js';
import type { JsonObject } from '../../json-object.js';
import {
  callItem,
  itemId,
  type ItemStatus,
  messageItem,
  outputText,
  reasoningItem,
  refusal,
  summaryText,
} from './output-items.js';
import { carrySeal } from './own-reasoning.js';
import { echoOf, endOf, headOf, toResponse } from './response-object.js';

type Part = AssistantMessage['content'][number];

/** A whole answer as a `response`. */
export function toAnswer(answer: ChatAnswer, context: AnswerContext): JsonObject {
  const { content, finishReason, usage } = answer;
  const head = headOf(context);
  const end = endOf(
    finishReason,
    content.some((part) => part.type === 'refusal'),
  );
  const output: JsonObject[] = [];
  for (const [index, part] of content.entries()) {
    const isCut = end.status === 'incomplete' && index === content.length - 1;
    addItem(output, part, { answerId: head.id, status: isCut ? 'incomplete' : 'completed' });
  }
  return toResponse({ head, echo: echoOf(context.asked), end, output, usage });
}

function addItem(
  output: JsonObject[],
  part: Part,
  of: { readonly answerId: string; readonly status: ItemStatus },
): void {
  const { answerId, status } = of;
  switch (part.type) {
    case 'text':
    case 'refusal': {
      const said = part.type === 'text' ? outputText(part.text) : refusal(part.text);
      const last = output.at(-1);
      const content = last?.['type'] === 'message' ? (last['content'] as readonly JsonObject[]) : undefined;
      if (content === undefined) output.push(messageItem(itemId('msg', answerId, output.length), status, [said]));
      else output[output.length - 1] = { ...last, status, content: [...content, said] };
      return;
    }
    case 'reasoning': {
      const { text, signature, redacted } = part;
      const seal = signature === undefined && redacted === undefined ? undefined : carrySeal({ signature, redacted });
      const summary = text === '' ? [] : [summaryText(text)];
      output.push(reasoningItem(itemId('rs', answerId, output.length), summary, seal));
      return;
    }
    case 'tool-call': {
      const { id, name, arguments: text, signature } = part;
      if (signature !== undefined) {
        const seal = carrySeal({ signature, call: true });
        output.push(reasoningItem(itemId('rs', answerId, output.length), [], seal));
      }
      output.push(callItem({ id: itemId('fc', answerId, output.length), status, callId: id, name, text }));
    }
  }
}
