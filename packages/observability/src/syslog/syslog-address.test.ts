import { describe, expect, it } from '@jest/globals';
import { parseSyslogUrl } from './syslog-address.js';

describe('the address of a syslog server', () => {
  it.each([
    ['udp://127.0.0.1', { transport: 'udp', host: '127.0.0.1', port: 514 }],
    ['tcp://logs.test:601/', { transport: 'tcp', host: 'logs.test', port: 601 }],
    ['tls://[::1]', { transport: 'tls', host: '::1', port: 6514 }],
    ['unix:///run/my%20log', { transport: 'unix', path: '/run/my log' }],
  ])('%s is understood', (url, address) => {
    expect(parseSyslogUrl(url)).toEqual(address);
  });

  it.each([
    '',
    'logs.test:514',
    'http://logs.test',
    'tcp://',
    'tcp://a:0',
    'tcp://a:99999',
    'tcp://u:p@a',
    'tcp://a/b',
    'tcp://a?x',
    'unix://host/x',
    'unix:///',
    'unix:///%zz',
  ])('%j is none', (url) => {
    expect(parseSyslogUrl(url)).toBeUndefined();
  });
});
