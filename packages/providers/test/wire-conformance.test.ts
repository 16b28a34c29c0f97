import { geminiWire } from '../src/dialects/gemini/wire.js';
import { describeWireConformance } from '../src/testing/conformance.js';

describeWireConformance({ name: 'gemini', createWire: () => geminiWire });
