import { afterAll, beforeAll, describe } from '@jest/globals';
import type { ChatWire, CountTokensWire, EmbeddingsWire } from '../wire.js';
import { describeAnswers } from './conformance/answers.js';
import { describeErrors } from './conformance/errors.js';
import { createExchanges } from './conformance/exchange.js';
import { describeRequests } from './conformance/requests.js';
import { describeCountTokens, describeEmbeddings } from './conformance/side-routes.js';
import { describeStreams } from './conformance/streams.js';

export interface WireConformanceOptions {
  readonly name: string;
  readonly wire: ChatWire;
  readonly embeddings?: EmbeddingsWire | undefined;
  readonly countTokens?: CountTokensWire | undefined;
}

/** What every wire must do, against an upstream of its dialect on a real socket. Only in tests: it needs jest. */
export function describeWireConformance({ countTokens, embeddings, name, wire }: WireConformanceOptions): void {
  const exchanges = createExchanges(wire);

  describe(`the wire ${name}`, () => {
    beforeAll(exchanges.start);
    afterAll(exchanges.close);

    describe('requests', () => describeRequests(wire, exchanges));
    describe('answers', () => describeAnswers(wire, exchanges));
    describe('streams', () => describeStreams(wire, exchanges));
    describe('errors', () => describeErrors(wire, exchanges));
    if (embeddings !== undefined) describe('embeddings', () => describeEmbeddings(embeddings, exchanges));
    if (countTokens !== undefined) describe('counts of tokens', () => describeCountTokens(countTokens, exchanges));
  });
}
