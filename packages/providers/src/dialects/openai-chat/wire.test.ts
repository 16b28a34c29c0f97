import { describeWireConformance } from '../../testing/conformance.js';
import { openAiEmbeddingsWire } from './embeddings.js';
import { createOpenAiChatWire } from './wire.js';

describeWireConformance({
  name: 'openai-chat of OpenAI',
  wire: createOpenAiChatWire({ compatible: false }),
  embeddings: openAiEmbeddingsWire,
});

describeWireConformance({
  name: 'openai-chat of compatible servers',
  wire: createOpenAiChatWire({ compatible: true }),
});
