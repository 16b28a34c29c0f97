import { describe, expect, it } from '@jest/globals';
import { serverFlags } from './server-flags.js';

describe('options of the command line as settings', () => {
  it('are those of the role', () => {
    const options = { port: '1', host: 'h', metricsPort: '2', logLevel: 'debug', warmup: true };
    expect(serverFlags('primary', options)).toEqual({
      'server.port': '1',
      'server.host': 'h',
      'server.metrics_port': '2',
      'logs.level': 'debug',
    });
    expect(serverFlags('worker', { metricsPort: '2' })).toEqual({ 'worker.metrics_port': '2' });
  });

  it('are left out where they are not given', () => {
    expect(serverFlags('primary', {})).toEqual({});
  });
});
