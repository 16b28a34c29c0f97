import type { ChatRequest } from '@moltbot/contracts';
import { withContinuation } from '../../continuation.js';
import type { ChatTurn, UpstreamRequest } from '../../wire.js';
import { modelPath } from './model-path.js';
import { modelTraits } from './model-traits.js';
import { toContents } from './to-contents.js';
import { toGenerationConfig } from './to-generation-config.js';
import { toTools } from './to-tools.js';

export const JSON_HEADERS = { 'content-type': 'application/json' } as const;

/** Where a turn is posted: `…:generateContent`, or the stream as server-sent events. */
export function generatePath(model: string, stream: boolean): string {
  return `${modelPath(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
}

/**
 * Our words as a GenerateContentRequest.
 * @see https://ai.google.dev/api/generate-content
 */
export function toRequest(turn: ChatTurn): UpstreamRequest {
  const { body, dropped } = toBody(withContinuation(turn.request, turn.continuation), turn.model);
  return {
    path: generatePath(turn.model, turn.stream),
    body: Buffer.from(JSON.stringify(body)),
    headers: JSON_HEADERS,
    dropped,
  };
}

export function toBody(
  request: ChatRequest,
  model: string,
): { readonly body: Readonly<Record<string, unknown>>; readonly dropped: readonly string[] } {
  const traits = modelTraits(model);
  const dropped = droppedFields(request);
  const tools = toTools(request, dropped);
  const generationConfig = toGenerationConfig(request, traits, dropped);
  const { systemInstruction, contents, dropped: droppedParts } = toContents(request.messages, traits);
  const body = {
    contents,
    systemInstruction,
    ...tools,
    generationConfig: Object.keys(generationConfig).length > 0 ? generationConfig : undefined,
  };
  return { body, dropped: [...dropped, ...droppedParts] };
}

/** Fields the API has no word for, whatever the model. */
function droppedFields(request: ChatRequest): string[] {
  const dropped = [...request.unknownFields];
  // An answer in our words has one choice.
  if ((request.choices ?? 1) > 1) dropped.push('choices');
  if (request.user !== undefined) dropped.push('user');
  if (request.metadata !== undefined) dropped.push('metadata');
  return dropped;
}
