import type { Override } from '../files/layered-tree.js';
import { isHttpUrl } from '../settings/setting-values.js';
import type { Environment } from './environment.js';

/** What OpenTelemetry's own variables say about traces, as settings; ours (`MOLTBOT_TRACING_…`) go over them. */
export interface OtelEnvironment {
  readonly overrides: readonly Override[];
  /** A sentence for each variable that is not heeded, as OpenTelemetry wants it: they are told, and change nothing. */
  readonly warnings: readonly string[];
}

/** Of OpenTelemetry's specification, "Environment Variable Specification" and "OTLP Exporter". Empty ones count as not set. */
export function readOtelEnvironment(env: Environment): OtelEnvironment {
  const reading = new Reading(env);
  const { sampleRatio } = reading;
  const exporters = reading.first('OTEL_TRACES_EXPORTER')?.value.split(',');
  const isOff =
    reading.first('OTEL_SDK_DISABLED')?.value.toLowerCase() === 'true' ||
    (exporters !== undefined && !exporters.some((name) => name.trim() === 'otlp'));
  if (isOff || !reading.speaksHttp || !reading.setEndpoint()) return { overrides: [], warnings: reading.warnings };
  reading.setPairs('headers', ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS']);
  reading.setPairs('attributes', ['OTEL_RESOURCE_ATTRIBUTES']);
  if (sampleRatio !== undefined) reading.set(['sample_ratio'], sampleRatio.value, sampleRatio.variable);
  const name = reading.first('OTEL_SERVICE_NAME');
  if (name !== undefined) reading.set(['service_name'], name.value, name.variable);
  return reading;
}

interface Found {
  readonly variable: string;
  readonly value: string;
}

/** Ratios of samplers that take no argument. */
const SAMPLERS: Readonly<Record<string, number>> = {
  always_on: 1,
  always_off: 0,
  parentbased_always_on: 1,
  parentbased_always_off: 0,
};

class Reading implements OtelEnvironment {
  readonly overrides: Override[] = [];
  readonly warnings: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  first(...variables: readonly string[]): Found | undefined {
    for (const variable of variables) {
      const value = (this.#env[variable] ?? '').trim();
      if (value !== '') return { variable, value };
    }
    return undefined;
  }

  set(path: readonly string[], value: string | number, variable: string): void {
    this.overrides.push({ path: ['tracing', ...path], value, origin: { kind: 'environment', variable } });
  }

  get speaksHttp(): boolean {
    const protocol = this.first('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL');
    if (protocol?.value !== 'grpc') return true;
    if (this.first('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT') !== undefined) {
      this.#ignore(protocol, 'traces are sent over HTTP only: set `tracing.otlp_endpoint`');
    }
    return false;
  }

  /** The endpoint of traces is taken as it is, that of all signals is the part before `/v1/traces`. */
  setEndpoint(): boolean {
    const own = this.first('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
    const found = own ?? this.first('OTEL_EXPORTER_OTLP_ENDPOINT');
    if (found === undefined) return false;
    if (!isHttpUrl(found.value)) {
      this.#ignore(found, 'expected an http:// or https:// URL');
      return false;
    }
    const url = own === undefined ? `${found.value.replace(/\/+$/, '')}/v1/traces` : found.value;
    this.set(['otlp_endpoint'], url, found.variable);
    return true;
  }

  /** `name=value,name=value`, percent-encoded. */
  setPairs(setting: 'headers' | 'attributes', variables: readonly string[]): void {
    const found = this.first(...variables);
    if (found === undefined) return;
    for (const pair of found.value.split(',')) {
      const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
      const text = value === undefined ? undefined : decoded(value);
      if (name === undefined || text === undefined || !/^[\t\x20-\x7e]{0,1024}$/.test(text)) {
        this.#ignore(found, 'expected NAME=VALUE,NAME=VALUE');
      } else if (setting === 'attributes' && name === 'service.name') {
        this.set(['service_name'], text, found.variable);
      } else {
        this.set([setting, name], text, found.variable);
      }
    }
  }

  get sampleRatio(): { readonly value: number; readonly variable: string } | undefined {
    const sampler = this.first('OTEL_TRACES_SAMPLER');
    if (sampler === undefined) return undefined;
    const fixed = SAMPLERS[sampler.value];
    if (fixed !== undefined) return { value: fixed, variable: sampler.variable };
    if (!/^(parentbased_)?traceidratio$/.test(sampler.value)) {
      this.#ignore(sampler, 'no sampler that is known here');
      return undefined;
    }
    const argument = this.first('OTEL_TRACES_SAMPLER_ARG') ?? { variable: sampler.variable, value: '1' };
    const ratio = Number(argument.value);
    if (ratio >= 0 && ratio <= 1) return { value: ratio, variable: argument.variable };
    this.#ignore(argument, 'expected a number from 0 to 1');
    return undefined;
  }

  #ignore({ variable }: Found, why: string): void {
    const warning = `${variable} is not heeded: ${why}`;
    if (!this.warnings.includes(warning)) this.warnings.push(warning);
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
