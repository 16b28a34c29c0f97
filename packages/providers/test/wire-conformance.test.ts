import { anthropicMessagesWire } from '../src/dialects/anthropic-messages/wire.js';
import { geminiWire } from '../src/dialects/gemini/wire.js';
import { openAiResponsesWire } from '../src/dialects/openai-responses/wire.js';
import { describeWireConformance } from '../src/testing/conformance.js';

describeWireConformance({ name: 'openai-responses', createWire: () => openAiResponsesWire });
describeWireConformance({ name: 'anthropic-messages', createWire: () => anthropicMessagesWire });
describeWireConformance({ name: 'gemini', createWire: () => geminiWire });
