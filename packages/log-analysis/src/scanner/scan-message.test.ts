import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TemplateMiner } from '../miner/template-miner.js';
import { renderTemplate } from '../miner/template.js';
import { MaskedMessage, MAX_MESSAGE_BYTES } from './masked-message.js';
import { scanMessage } from './scan-message.js';
import { VARIABLE_TYPES } from './variable-types.js';

const message = new MaskedMessage();

function scan(text: string) {
  const bytes = Buffer.from(text);
  scanMessage(bytes, 0, bytes.length, message);
  return {
    template: renderTemplate(new TemplateMiner().add(message)),
    values: Array.from({ length: message.variables }, (_, index) => [
      VARIABLE_TYPES[message.types[index] ?? 0],
      bytes.subarray(message.starts[index], message.ends[index]).toString(),
    ]),
  };
}

describe('the scanner', () => {
  it.each([
    ['took 12.5 seconds', 'took <*> seconds', 'duration', '12.5 seconds'],
    ['freed 64172MB', 'freed <*>', 'size', '64172MB'],
    ['estimated size 5.2 KB', 'estimated size <*> KB', 'size', '5.2 KB'],
    ['sent 18846 bytes (18.4 KB) now', 'sent <*> bytes (<*> KB) now', 'size', '18846 bytes (18.4 KB)'],
    ['lifetime <1 sec', 'lifetime <*> sec', 'duration', '1 sec'],
    ['at 0x00007fff92fabde9', 'at <*>', 'hex', '0x00007fff92fabde9'],
    ['commit 8aff0003cd', 'commit <*>', 'hex', '8aff0003cd'],
    ['from 10.251.30.85', 'from <*>', 'ip', '10.251.30.85'],
    ['dest: /10.250.19.102:50010', 'dest: <*>:<*>', 'ip', '/10.250.19.102:50010'],
    ['for 10.11.21.122,10.11.10.1 "x"', 'for <*> "x"', 'ip', '10.11.21.122,10.11.10.1'],
    ['addr 2607:f140:6000:8:c6b3:1ff:fecd:467f up', 'addr <*> up', 'ip', '2607:f140:6000:8:c6b3:1ff:fecd:467f'],
    ['addr fe80::c6b3:1ff:fecd:467f', 'addr <*>', 'ip', 'fe80::c6b3:1ff:fecd:467f'],
    ['from 00:11:43:e3:ba:c3 via eth1', 'from <*> via eth1', 'mac', '00:11:43:e3:ba:c3'],
    [
      '[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] gone',
      '[instance: <*>] gone',
      'uuid',
      'b9000564-fe1a-409b-b8cc-1e88b294cd1d',
    ],
    ['until 07:57:30 then', 'until <*>:<*>:<*> then', 'timestamp', '07:57:30'],
    ['on 2017-05-16 it', 'on <*>-<*>-<*> it', 'timestamp', '2017-05-16'],
    ['on 2017-05-16T05:00:00.123Z it', 'on <*> it', 'timestamp', '2017-05-16T05:00:00.123Z'],
    ['at Fri Jul  1 07:57:30 2005', 'at <*>:<*>:<*>', 'timestamp', 'Fri Jul  1 07:57:30 2005'],
    ['file /var/lib/x/a.log: bad', 'file <*>: bad', 'path', '/var/lib/x/a.log'],
    ['"GET /v1/x?a=1&b=2 HTTP/1.1" 1', '"GET <*>" <*>', 'path', '/v1/x?a=1&b=2 HTTP/1.1'],
    ['to C:\\Users\\me\\x now', 'to <*> now', 'path', 'C:\\Users\\me\\x'],
    ['see https://a.example/x?y=1.', 'see <*>.', 'url', 'https://a.example/x?y=1'],
    ['open hdfs://nn:9000/tmp/x', 'open hdfs://<*>', 'url', 'nn:9000/tmp/x'],
    ['rhost=h64-187-1-131.gtconnect.net user', 'rhost=<*> user', 'host', 'h64-187-1-131.gtconnect.net'],
    ['open proxy.cse.cuhk.edu.hk:5070 now', 'open <*>:<*> now', 'host', 'proxy.cse.cuhk.edu.hk:5070'],
    ['block blk_-1608999687919862906 done', 'block <*> done', 'identifier', 'blk_-1608999687919862906'],
    ['job_1445144423722_0020 ended', '<*> ended', 'identifier', 'job_1445144423722_0020'],
    ['version 2.6.5-1.358 of', 'version <*> of', 'identifier', '2.6.5-1.358'],
    ['generating core.1351', 'generating core.<*>', 'number', '1351'],
    ['node node-69 up', 'node node-<*> up', 'number', '69'],
    ['enable......0', 'enable......<*>', 'number', '0'],
    ['err=-12871', 'err=<*>', 'number', '-12871'],
    ['switch is true now', 'switch is <*> now', 'constant', 'true'],
    ['to 1 2 3 4 5 6 7 8 9 10 11 12 end', 'to <*> end', 'number', '1 2 3 4 5 6 7 8 9 10 11 12'],
    ['delete blk_1 blk_2 blk_3', 'delete <*>', 'identifier', 'blk_1 blk_2 blk_3'],
  ])('reads %s as %s', (text, template, type, value) => {
    const found = scan(text);
    expect(found.template).toBe(template);
    expect(found.values[0]).toEqual([type, value]);
  });

  it('leaves names with digits alone', () => {
    for (const text of [
      'AirPort: Link Up on en0',
      'jk2_init() Found',
      'flush2DB result success',
      'org.slf4j.impl is used',
      'sha256 of x509',
    ]) {
      expect(scan(text)).toEqual({ template: text, values: [] });
    }
  });

  it('knows host and address as Java writes them, and ports behind them', () => {
    expect(scan('to msra-sa-41/10.190.173.170:8030 now').template).toBe('to <*>/<*>:<*> now');
    expect(scan('server: msra-sa-41:8030. Already').template).toBe('server: <*>:<*>. Already');
  });

  it('joins white space and takes an empty value in parentheses for a value', () => {
    expect(scan('  a \t b   c ').template).toBe('a b c');
    expect(scan('connection from 1.2.3.4 () at').template).toBe('connection from <*> (<*>) at');
    expect(scan('clear()').template).toBe('clear()');
  });

  it('keeps other scripts as they are', () => {
    expect(scan('用户 42 登录 ✓').template).toBe('用户 <*> 登录 ✓');
  });

  it('mines long messages by their beginning, and says so', () => {
    scan('word '.repeat(2_000));
    expect(message.cut).toBe(true);
    expect(message.length).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
    scan('() '.repeat(2_000));
    expect(message.cut).toBe(true);
    scan('x'.repeat(MAX_MESSAGE_BYTES));
    expect(message.cut).toBe(false);
  });

  it('takes any bytes: ranges in order within the message, the same twice, whatever stands around it', () => {
    const odd = fc.array(
      fc.oneof(
        fc.constantFrom(...'0123456789abcdefxX:/.-_<>()[]{}=,;"\' \\@#$%&!?\t\0\x01'.split('')),
        fc.constantFrom(
          '10.0.0.1',
          ':80',
          'http://',
          '0x',
          '::',
          'true',
          'KB',
          'Fri Jul 1 10:00:00',
          'é',
          'b9000564-fe1a-409b-b8cc-1e88b294cd1d',
        ),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(odd, (parts) => {
        const bytes = Buffer.from(parts.join(''));
        const padded = Buffer.concat([Buffer.from('99 '), bytes, Buffer.from(':80 KB')]);
        scanMessage(padded, 3, 3 + bytes.length, message);
        const masked = Buffer.from(message.out.slice(0, message.length));
        const ranges = Array.from({ length: message.variables }, (_, index) => [
          (message.starts[index] ?? 0) - 3,
          (message.ends[index] ?? 0) - 3,
        ]);
        let last = 0;
        for (const [start = -1, end = -1] of ranges) {
          expect(start).toBeGreaterThanOrEqual(last);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThanOrEqual(bytes.length);
          last = end;
        }
        expect(masked.filter((byte) => byte === 1)).toHaveLength(ranges.length);
        scanMessage(bytes, 0, bytes.length, message);
        expect(Buffer.from(message.out.slice(0, message.length))).toEqual(masked);
      }),
      { numRuns: 500 },
    );
  });
});
