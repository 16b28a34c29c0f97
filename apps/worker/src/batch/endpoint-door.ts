import type { BatchEndpoint } from '@moltbot/contracts';
import { type DialectDoor, openAiChatDoor, openAiResponsesDoor } from '@moltbot/providers';

/** The door that reads and says the requests of a batch; undefined for embeddings, which are no chat. */
export const ENDPOINT_DOORS: Readonly<Record<BatchEndpoint, DialectDoor | undefined>> = {
  '/v1/chat/completions': openAiChatDoor,
  '/v1/responses': openAiResponsesDoor,
  '/v1/embeddings': undefined,
};
