import type { AssistantMessage, Message, ToolMessage, UserMessage } from '@moltbot/contracts';
import { nestsWithin, parseJson, readObject } from '../../read-json.js';
import type { ModelTraits } from './model-traits.js';
import { type GeminiPart, toImagePart } from './to-image.js';

/** A turn of `contents`. */
export interface GeminiContent {
  readonly role: 'user' | 'model';
  readonly parts: readonly GeminiPart[];
}

export interface GeminiConversation {
  readonly systemInstruction: { readonly parts: readonly GeminiPart[] } | undefined;
  readonly contents: readonly GeminiContent[];
  /** `messages.2.content.1 (image)` */
  readonly dropped: readonly string[];
}

/**
 * Stands in for a signature that is not there: a call made by another model, or one whose client lost it. Google names it for
 * that purpose; without it the third generation refuses the request.
 * @see https://ai.google.dev/gemini-api/docs/thought-signatures
 */
const NO_SIGNATURE = 'skip_thought_signature_validator';

/** Arguments nested deeper than this are sent as text: neither side can walk them. */
const MAX_ARGUMENT_DEPTH = 64;

const START: GeminiContent = { role: 'user', parts: [{ text: '(start of the conversation)' }] };

type Kind = 'user' | 'model' | 'tool';

/**
 * Our messages as Gemini's turns. Neighbours of a kind become one turn; a function's response must follow the turn of its
 * calls, so that results without a call become text. System messages are one instruction, wherever they stand.
 */
export function toContents(messages: readonly Message[], traits: ModelTraits): GeminiConversation {
  const dropped: string[] = [];
  const system: GeminiPart[] = [];
  const turns: { kind: Kind; parts: GeminiPart[] }[] = [];
  const add = (kind: Kind, parts: readonly GeminiPart[]): void => {
    if (parts.length === 0) return;
    const last = turns.at(-1);
    if (last?.kind === kind) for (const part of parts) last.parts.push(part);
    else turns.push({ kind, parts: [...parts] });
  };
  /** Names of the calls that the last turn made and nobody has answered yet, by id (weak models use an id twice). */
  let open = new Map<string, string[]>();

  for (const [index, message] of messages.entries()) {
    const at = (part: number, what: string): string => `messages.${index}.content.${part} (${what})`;
    switch (message.role) {
      case 'system':
        for (const part of message.content) if (part.text !== '') system.push({ text: part.text });
        break;
      case 'user':
        add(
          'user',
          userParts(message, traits, (part) => dropped.push(at(part, 'image'))),
        );
        open = new Map();
        break;
      case 'assistant':
        if (turns.at(-1)?.kind !== 'model') open = new Map();
        for (const part of message.content) {
          if (part.type === 'tool-call') open.set(part.id, [...(open.get(part.id) ?? []), part.name]);
        }
        add(
          'model',
          assistantParts(message, traits, (part) => dropped.push(at(part, 'reasoning'))),
        );
        break;
      case 'tool': {
        const name = open.get(message.toolCallId)?.shift();
        const onDrop = (part: number): unknown => dropped.push(at(part, 'image'));
        if (name === undefined) add('user', orphanParts(message, traits, onDrop));
        else add('tool', responseParts(message, name, traits, onDrop));
        break;
      }
    }
  }

  if (system.length > 0 && (!traits.systemInstruction || turns.length === 0)) {
    // Gemma takes no instruction, and a conversation needs a turn: it goes in front of the first one of the user.
    turns.unshift({ kind: 'user', parts: system.splice(0) });
    const next = turns[1];
    if (next?.kind === 'user') turns.splice(0, 2, { kind: 'user', parts: [...(turns[0]?.parts ?? []), ...next.parts] });
  }
  const contents = turns.map(toContent);
  if (contents[0]?.role !== 'user') contents.unshift(START);
  return { systemInstruction: system.length > 0 ? { parts: system } : undefined, contents, dropped };
}

function toContent(turn: { readonly kind: Kind; readonly parts: readonly GeminiPart[] }): GeminiContent {
  return { role: turn.kind === 'model' ? 'model' : 'user', parts: turn.parts };
}

function userParts(
  message: UserMessage | ToolMessage,
  traits: ModelTraits,
  onDrop: (part: number) => unknown,
): GeminiPart[] {
  const parts: GeminiPart[] = [];
  for (const [index, part] of message.content.entries()) {
    if (part.type === 'text') {
      if (part.text !== '') parts.push({ text: part.text });
      continue;
    }
    const image = toImagePart(part, traits);
    if (image === undefined) onDrop(index);
    else parts.push(image);
  }
  return parts;
}

function assistantParts(
  message: AssistantMessage,
  traits: ModelTraits,
  onDrop: (part: number) => unknown,
): GeminiPart[] {
  const parts: GeminiPart[] = [];
  let firstCall = true;
  for (const [index, part] of message.content.entries()) {
    switch (part.type) {
      case 'text':
      case 'refusal':
        if (part.text !== '') parts.push({ text: part.text });
        break;
      case 'reasoning':
        // Thoughts of another vendor, or our own without their seal: Gemini reads neither.
        onDrop(index);
        break;
      case 'tool-call': {
        // Of parallel calls only the first carries a signature.
        const signature = part.signature ?? (traits.demandsSignatures && firstCall ? NO_SIGNATURE : undefined);
        firstCall = false;
        parts.push({
          functionCall: { id: part.id, name: part.name, args: toArguments(part.arguments) },
          ...(signature === undefined ? {} : { thoughtSignature: signature }),
        });
        break;
      }
    }
  }
  return parts;
}

/** Arguments must be an object; what a model wrote need not be one. */
function toArguments(text: string): unknown {
  if (text.trim() === '') return {};
  const value = readObject(parseJson(text));
  return value !== undefined && nestsWithin(value, MAX_ARGUMENT_DEPTH) ? value : { arguments: text };
}

function responseParts(
  message: ToolMessage,
  name: string,
  traits: ModelTraits,
  onDrop: (part: number) => unknown,
): GeminiPart[] {
  const images = userParts(message, traits, onDrop).filter((part) => part['text'] === undefined);
  // Within a response only inline bytes are taken.
  const inside = traits.imagesInResponses ? images.filter((image) => image['inlineData'] !== undefined) : [];
  const beside = images.filter((image) => !inside.includes(image));
  const response = {
    id: message.toolCallId,
    name,
    response: { [message.isError === true ? 'error' : 'output']: textOf(message) },
    ...(inside.length > 0 ? { parts: inside } : {}),
  };
  return [{ functionResponse: response }, ...beside];
}

function orphanParts(message: ToolMessage, traits: ModelTraits, onDrop: (part: number) => unknown): GeminiPart[] {
  return [{ text: `Result of the tool call ${message.toolCallId}:` }, ...userParts(message, traits, onDrop)];
}

function textOf(message: ToolMessage): string {
  return message.content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}
