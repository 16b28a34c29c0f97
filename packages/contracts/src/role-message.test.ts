import { describe, expect, it } from '@jest/globals';
import { MoltbotError } from './errors.js';
import { isRefusal, roleFailure } from './role-message.js';

describe('the end of a role that could not start', () => {
  it('is a refusal where somebody has to change something first', () => {
    const error = new MoltbotError('port_in_use', 'Port 8080 is taken.');
    expect(isRefusal(error)).toBe(true);
    expect(roleFailure(error)).toEqual({
      exitCode: 4,
      text: 'port_in_use: Port 8080 is taken.',
      message: { type: 'not-started', code: 'port_in_use', message: 'Port 8080 is taken.' },
    });
  });

  it('is a failure where another try may go well', () => {
    expect(roleFailure(new MoltbotError('storage_unavailable', 'no database')).exitCode).toBe(1);
    expect(isRefusal(new MoltbotError('storage_unavailable'))).toBe(false);
  });

  it('shows where a fault came from, and tells the starter its message alone', () => {
    const fault = new TypeError('x is not a function');
    const failure = roleFailure(fault);
    expect(failure.text).toContain('role-message.test');
    expect(failure.message).toEqual({ type: 'not-started', code: 'internal_error', message: 'x is not a function' });
    expect(roleFailure('thrown text').text).toBe('thrown text');
  });
});
