import { describe, expect, it } from '@jest/globals';
import { parseSettings } from '../load.js';
import { shownSettings } from '../reference/shown-settings.js';
import type { Environment } from './environment.js';

const parse = (env: Environment, text = '') => parseSettings({ text, file: 'c.yml', env });
const ENDPOINT = 'http://127.0.0.1:4318';

describe('OpenTelemetry’s own variables', () => {
  it('say where traces go, as for any other program', () => {
    const { settings, origins, warnings } = parse({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${ENDPOINT}/`,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc, x-team = ours',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=test',
      OTEL_SERVICE_NAME: 'my-bot',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    });
    expect(settings.tracing).toEqual({
      otlp_endpoint: `${ENDPOINT}/v1/traces`,
      headers: { authorization: 'Basic abc', 'x-team': 'ours' },
      sample_ratio: 0.25,
      service_name: 'my-bot',
      attributes: { 'deployment.environment.name': 'test' },
      propagate_to: [],
    });
    expect(warnings).toEqual([]);
    expect(origins.get('tracing.otlp_endpoint')).toEqual({
      kind: 'environment',
      variable: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    });
    expect(JSON.stringify(shownSettings({ settings, origins }))).not.toContain('Basic abc');
  });

  it('go over the file, and ours over them', () => {
    const file = 'tracing: {otlp_endpoint: "http://file.test/v1/traces"}';
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://otel.test/exact' };
    expect(parse(env, file).settings.tracing.otlp_endpoint).toBe('http://otel.test/exact');
    const ours = { ...env, MOLTBOT_TRACING_OTLP_ENDPOINT: 'http://ours.test/x' };
    expect(parse(ours, file).settings.tracing.otlp_endpoint).toBe('http://ours.test/x');
  });

  it.each<[string, Environment]>([
    ['nothing is set', { OTEL_SERVICE_NAME: 'x' }],
    ['the SDK is disabled', { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
    ['traces go elsewhere', { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
  ])('trace nothing where %s', (_when, env) => {
    const { settings, warnings } = parse(env);
    expect(settings.tracing).toEqual(parse({}).settings.tracing);
    expect(warnings).toEqual([]);
  });

  it.each<[Environment, string]>([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' }, 'OTEL_EXPORTER_OTLP_ENDPOINT is not heeded'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'a=%zz' }, 'OTEL_EXPORTER_OTLP_HEADERS'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_TRACES_SAMPLER: 'jaeger_remote' }, 'OTEL_TRACES_SAMPLER'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' },
      'OTEL_TRACES_SAMPLER_ARG',
    ],
  ])('are told and not heeded where they make no sense, and never keep the server from its start: %j', (env, told) => {
    const { warnings } = parse(env);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toContain(told);
    expect(warnings[0]?.message).not.toContain('%zz');
  });
});
