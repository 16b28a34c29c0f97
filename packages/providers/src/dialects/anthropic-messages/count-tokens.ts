import type { CountTokensWire } from '../../wire.js';
import { fromCountAnswer } from './from-answer.js';
import { toCountRequest } from './to-request.js';

/** `POST /messages/count_tokens`. */
export const anthropicCountTokensWire: CountTokensWire = { toRequest: toCountRequest, fromAnswer: fromCountAnswer };
