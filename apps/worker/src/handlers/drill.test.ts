import { describe, expect, it } from '@jest/globals';
import { settingsSchema } from '@moltbot/config';
import { JOBS } from '@moltbot/contracts';
import type { DrillReport } from '@moltbot/drill';
import { createLogger, createMetrics } from '@moltbot/observability';
import type { JobContext, JobDeps, NewArtifact } from '../deps.js';
import { drill } from './drill.js';

function rig(models: object) {
  const metrics = createMetrics({ role: 'worker', version: '0' });
  const kept = new Map<string, DrillReport>();
  const abort = new AbortController();
  const deps = {
    settings: () =>
      settingsSchema.parse({
        models,
        // Nobody is there: whoever called it would wait.
        providers: { mine: { kind: 'openai-compatible', base_url: 'http://192.0.2.1/v1' } },
        storage: { url: 'postgres://someone:secret-canary@192.0.2.1/x' },
        drill: { form: 'quick' },
      }),
    credentials: () => [{ id: 'openai', provider: 'openai', type: 'api_key' }],
    metrics,
    keepArtifact: async (_id: string, { name, body }: NewArtifact) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of body) pieces.push(piece);
      kept.set(name, JSON.parse(Buffer.concat(pieces).toString()) as DrillReport);
    },
  } as unknown as JobDeps;
  const context = {
    jobId: 'drill-1',
    signal: abort.signal,
    logger: createLogger({ role: 'worker', level: 'error' }),
    progress: async () => undefined,
  } as unknown as JobContext;
  return { deps, context, metrics, kept, abort };
}

describe('the job drill', () => {
  it('drills every chain, and leaves result, report and metrics', async () => {
    const { deps, context, metrics, kept } = rig({
      primary: 'openai:a',
      fallbacks: ['mine:b'],
      chains: { Alone: { primary: 'mine:b' } },
    });
    const result = JOBS.drill.result.parse(await drill(JOBS.drill.payload.parse({}), deps, context));
    expect(result.verdict).toBe('failed');
    expect(result.chains.map(({ chain, verdict }) => [chain, verdict])).toEqual([
      ['default', 'passed'],
      ['Alone', 'failed'],
    ]);
    expect(result.chains[1]?.findings[0]).toMatchObject({ code: 'one-target', severity: 'error' });
    expect([...kept.keys()]).toEqual(['drill-default.json', 'drill-alone.json']);
    expect(kept.get('drill-default.json')?.runs.length).toBe(result.chains[0]?.runs);
    expect(JSON.stringify([...kept])).not.toContain('canary');
    const text = await metrics.render();
    expect(text).toMatch(/^moltbot_drill_passed\{chain="default".*\} 1$/m);
    expect(text).toMatch(/^moltbot_drill_passed\{chain="Alone".*\} 0$/m);
    expect(text).toMatch(/^moltbot_drill_faults\{chain="default",outcome="not_as_promised".*\} 0$/m);
    expect(text).toMatch(/^moltbot_drill_faults\{chain="Alone",outcome="lost".*\} [1-9]/m);
    expect(text).toMatch(/^moltbot_drill_timestamp_seconds\{chain="default".*\} 1[5-9]\d{8}$/m);
  });

  it('ends with its signal, and fails for a chain that is not there', async () => {
    const { deps, context, abort } = rig({ primary: 'openai:a' });
    await expect(drill({ chain: 'nowhere' }, deps, context)).rejects.toMatchObject({ code: 'model_not_found' });
    const running = drill({}, deps, context);
    abort.abort(new Error('stopped'));
    await expect(running).rejects.toThrow('stopped');
  });
});
