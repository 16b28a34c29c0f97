import { z } from 'zod';
import { byteSize, duration, headerName, headerValue, httpUrl, syslogUrl } from '../setting-values.js';

export const logsSettings = z
  .strictObject({
    level: z
      .enum(['error', 'warn', 'info', 'debug'])
      .default('info')
      .describe('The least important level that is logged.'),
    format: z
      .enum(['auto', 'json', 'pretty'])
      .default('auto')
      .describe('`auto`: pretty on a terminal, JSON lines elsewhere.'),
    console: z.boolean().default(true).describe('Write lines to the standard output.'),
    content: z
      .boolean()
      .default(false)
      .describe(
        'Print what people and models wrote where a line has it, instead of its length. Secrets are never printed.',
      ),
    file: z.string().min(1).max(4_096).optional().describe('Also write JSON lines to this file.'),
    max_size: byteSize('10mb', { min: 1_024 }).describe('The file is rotated at this size.'),
    rotate: z
      .enum(['size', 'hourly', 'daily'])
      .default('size')
      .describe('When else the file is rotated: as soon as an hour or a day (UTC) has begun since its first line.'),
    max_files: z.int().min(1).max(1_000).default(5).describe('Rotated files kept.'),
    max_age: duration('0s', { max: 36_500 * 86_400_000 }).describe(
      'Rotated files are deleted when they are older than this, at the next rotation; `0s`: only when there are too many.',
    ),
    syslog: z
      .strictObject({
        url: syslogUrl
          .optional()
          .describe(
            'Also send lines to a syslog server (RFC 5424): `udp://HOST:514`, `tcp://HOST:514`, `tls://HOST:6514` or `unix:///PATH` (a stream socket).',
          ),
        facility: z
          .enum([
            'user',
            'daemon',
            'auth',
            'local0',
            'local1',
            'local2',
            'local3',
            'local4',
            'local5',
            'local6',
            'local7',
          ])
          .default('local0')
          .describe('The facility of the lines.'),
        format: z
          .enum(['json', 'text'])
          .default('json')
          .describe('What the message is: the JSON line, or its message and fields as text.'),
        app_name: z
          .string()
          .regex(/^[\x21-\x7e]{1,48}$/, 'expected at most 48 printable characters of ASCII without spaces')
          .default('moltbot')
          .describe('The name of the program in the lines.'),
        hostname: z
          .string()
          .regex(/^[\x21-\x7e]{1,255}$/, 'expected at most 255 printable characters of ASCII without spaces')
          .optional()
          .describe('The name of this machine in the lines, where it is not its own.'),
        structured_data_id: z
          .string()
          .regex(/^[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}$/, 'expected NAME@NUMBER, at most 32 characters')
          .default('moltbot@32473')
          .describe(
            'Names the structured data: `NAME@` and your private enterprise number (32473 is that of examples).',
          ),
        max_message: byteSize('7kb', { min: 480, max: 1_048_576 }).describe(
          'Longest message over TCP, TLS and Unix sockets; longer ones are shortened and counted.',
        ),
        max_datagram: byteSize('2kb', { min: 480, max: 65_000 }).describe('Longest message over UDP.'),
        buffer: byteSize('4mb', { min: 65_536 }).describe(
          'Lines kept for a server that is away or slow, and until it has read them; further ones are dropped and counted.',
        ),
        ca_file: z
          .string()
          .min(1)
          .max(4_096)
          .optional()
          .describe(
            'PEM file of the authorities that the server’s certificate may come from, instead of the system’s.',
          ),
        cert_file: z.string().min(1).max(4_096).optional().describe('PEM file of our own certificate, where it asks.'),
        key_file: z
          .string()
          .min(1)
          .max(4_096)
          .optional()
          .describe('PEM file of its key, where it is not in `cert_file`.'),
        server_name: z
          .string()
          .min(1)
          .max(253)
          .optional()
          .describe('The name that the server’s certificate must have, where it is not that of the URL.'),
      })
      .prefault({})
      .describe('A syslog server.'),
  })
  .prefault({})
  .describe('What is logged, and where to.');

export const tracingSettings = z
  .strictObject({
    otlp_endpoint: httpUrl
      .optional()
      .describe(
        'Where spans are sent: OpenTelemetry’s protocol over HTTP as JSON, path included (`http://127.0.0.1:4318/v1/traces`). Without it nothing is traced. Also `OTEL_EXPORTER_OTLP_ENDPOINT`, see docs/tracing.md.',
      ),
    headers: z.record(headerName, headerValue).default({}).describe('Sent along with spans.'),
    sample_ratio: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe(
        'Part of the traces that begin here which is kept. A caller’s own `traceparent` decides for its trace.',
      ),
    service_name: z.string().min(1).max(255).default('moltbot').describe('`service.name` of the spans.'),
    attributes: z
      .record(z.string().min(1).max(255), z.string().max(1_024))
      .default({})
      .describe('Further attributes of the service (`deployment.environment.name`).'),
    propagate_to: z
      .array(z.string().min(1).max(64))
      .max(256)
      .default([])
      .describe('Providers that are sent `traceparent`, so that their own spans join ours. None unless named.'),
  })
  .prefault({})
  .describe('Traces by OpenTelemetry.');
