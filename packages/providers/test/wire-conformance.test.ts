import { anthropicCountTokensWire, anthropicMessagesWire } from '../src/dialects/anthropic-messages/wire.js';
import { geminiEmbeddingsWire } from '../src/dialects/gemini/embeddings.js';
import { geminiWire } from '../src/dialects/gemini/wire.js';
import { openAiEmbeddingsWire } from '../src/dialects/openai-chat/embeddings.js';
import { createOpenAiChatWire } from '../src/dialects/openai-chat/wire.js';
import { openAiResponsesWire } from '../src/dialects/openai-responses/wire.js';
import { describeWireConformance } from '../src/testing/conformance.js';

describeWireConformance({
  name: 'openai-chat',
  wire: createOpenAiChatWire({ compatible: false }),
  embeddings: openAiEmbeddingsWire,
});
describeWireConformance({
  name: 'openai-chat of a compatible server',
  wire: createOpenAiChatWire({ compatible: true }),
});
describeWireConformance({ name: 'openai-responses', wire: openAiResponsesWire });
describeWireConformance({
  name: 'anthropic-messages',
  wire: anthropicMessagesWire,
  countTokens: anthropicCountTokensWire,
});
describeWireConformance({ name: 'gemini', wire: geminiWire, embeddings: geminiEmbeddingsWire });
