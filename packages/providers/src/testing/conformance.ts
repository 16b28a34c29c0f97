import { afterAll, beforeAll, describe } from '@jest/globals';
import type { ChatWire } from '../wire.js';
import { describeAnswers } from './conformance/answers.js';
import { describeErrors } from './conformance/errors.js';
import { createExchanges } from './conformance/exchange.js';
import { describeRequests } from './conformance/requests.js';
import { describeStreams } from './conformance/streams.js';

export interface WireConformanceOptions {
  readonly name: string;
  readonly createWire: () => ChatWire;
}

/** What every wire must do, against an upstream of its dialect on a real socket. Only in tests: it needs jest. */
export function describeWireConformance({ createWire, name }: WireConformanceOptions): void {
  const wire = createWire();
  const exchanges = createExchanges(wire);

  describe(`the wire ${name}`, () => {
    beforeAll(exchanges.start);
    afterAll(exchanges.close);

    describe('requests', () => describeRequests(wire, exchanges));
    describe('answers', () => describeAnswers(wire, exchanges));
    describe('streams', () => describeStreams(wire, exchanges));
    describe('errors', () => describeErrors(wire, exchanges));
  });
}
