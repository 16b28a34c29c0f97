import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { listenForStop } from './stop-signals.js';

describe('signals to stop', () => {
  it('ask at first and force at the second', () => {
    const source = new EventEmitter();
    let now = 0;
    const signals = listenForStop({ source, now: () => now });
    source.emit('SIGTERM');
    expect([signals.asked.aborted, signals.forced.aborted]).toEqual([true, false]);
    now = 600;
    source.emit('SIGINT');
    expect(signals.forced.aborted).toBe(true);
  });

  it('count one Ctrl-C once, though npm and the terminal both deliver it', () => {
    const source = new EventEmitter();
    let now = 0;
    const signals = listenForStop({ source, now: () => now });
    for (now = 0; now < 500; now += 100) source.emit('SIGINT');
    expect(signals.forced.aborted).toBe(false);
    now = 500;
    source.emit('SIGINT');
    expect(signals.forced.aborted).toBe(true);
  });

  it('are not listened to any more when closed', () => {
    const source = new EventEmitter();
    const signals = listenForStop({ source });
    signals.close();
    source.emit('SIGHUP');
    expect(signals.asked.aborted).toBe(false);
    expect(source.eventNames()).toEqual([]);
  });
});
