import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RequestRecord } from '@moltbot/contracts';
import { openAiChatDoor } from '@moltbot/providers';
import { Exchange } from '../chat/exchange.js';
import { endLost } from './end-lost.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

function open(requestId: string) {
  const response = Object.assign(new EventEmitter(), { writableFinished: false });
  const records: RequestRecord[] = [];
  const exchange = new Exchange({
    requestId,
    door: openAiChatDoor,
    operation: 'chat',
    response: response as unknown as ServerResponse,
    onEnd: (record) => records.push(record),
  });
  return { exchange, response, records };
}

describe('a request that nobody ended', () => {
  it('is ended as failed once its connection has been gone for half a minute, and told of once', () => {
    const lost = open('req_lost');
    const ended = open('req_ended');
    const running = open('req_running');
    const all = [lost, ended, running].map(({ exchange }) => exchange);
    const told: string[] = [];
    const look = (): void => endLost(all, (id) => told.push(id));
    lost.response.emit('close');
    ended.response.emit('close');
    ended.exchange.end({ outcome: 'cancelled' });
    jest.advanceTimersByTime(29_000);
    look();
    expect(told).toEqual([]);
    jest.advanceTimersByTime(1_500);
    look();
    look();
    expect(told).toEqual(['req_lost']);
    expect(lost.records).toMatchObject([{ requestId: 'req_lost', outcome: 'failed', errorCode: 'internal_error' }]);
    expect(ended.records).toMatchObject([{ outcome: 'cancelled' }]);
    expect(running.records).toEqual([]);
  });
});
