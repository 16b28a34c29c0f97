import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Namespace, Secret, Service, ServiceAccount } from 'kubernetes-models/v1';
import { parse, parseAllDocuments } from 'yaml';
import { describeSettings, parseSettings } from '../../packages/config/src/index.js';
import { METRICS } from '../../packages/observability/src/index.js';

const FOLDER = resolve(import.meta.dirname, '../kubernetes');
/** What the API server checks a manifest by, as far as its schema goes. */
const KINDS = {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  Secret,
  Service,
  ServiceAccount,
} as const;

interface Manifest {
  readonly kind: keyof typeof KINDS;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** Debian's own kubectl is too old for options of one generator. */
const kubectl = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
const kustomize = /"kustomizeVersion": "v(\d+)/.exec(kubectl.stdout ?? '')?.[1];
const able = Number(kustomize ?? 0) >= 5 || process.env['MOLTBOT_REQUIRE_KUBECTL'] === '1';

let copy: string;
let manifests: readonly Manifest[];

beforeAll(() => {
  if (!able) return;
  copy = mkdtempSync(join(tmpdir(), 'moltbot-kubernetes-'));
  cpSync(FOLDER, copy, { recursive: true });
  cpSync(join(copy, 'example', 'secret.env.example'), join(copy, 'example', 'secret.env'));
  manifests = render(join(copy, 'example'));
});
afterAll(() => {
  if (able) rmSync(copy, { recursive: true, force: true });
});

function render(folder: string): readonly Manifest[] {
  const text = execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** Says so, where a skipped test would say nothing. */
function notRun(what: string): void {
  it(`${what}: not checked, for want of kubectl with kustomize 5`, () => {
    process.stderr.write(
      `Kubernetes manifests NOT checked: kubectl with kustomize 5 is not there (MOLTBOT_REQUIRE_KUBECTL=1 insists)\n`,
    );
    expect(able).toBe(false);
  });
}

/** kustomize folds the base64 of secrets; the API server takes that, the schema of its texts does not. */
function unfolded(manifest: Manifest): Manifest {
  if (manifest.kind !== 'Secret') return manifest;
  const data = Object.entries(manifest.data ?? {}).map(([key, value]) => [key, value.replaceAll(/\s/g, '')]);
  return { ...manifest, data: Object.fromEntries(data) as Record<string, string> };
}

const named = <T extends Manifest['kind']>(kind: T, name: string): InstanceType<(typeof KINDS)[T]> => {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found as unknown as InstanceType<(typeof KINDS)[T]>;
};
const deploymentOf = (role: string) => {
  const { spec } = named('Deployment', `moltbot-${role}`);
  const pod = spec?.template.spec;
  const container = pod?.containers[0];
  if (spec === undefined || pod === undefined || container === undefined) throw new Error('no pod');
  return { spec, pod, container };
};

(able ? describe : notRun)('the manifests', () => {
  it('are what their schemas say, all of them in the namespace', () => {
    expect(manifests.map(({ kind }) => kind).toSorted()).toEqual(
      expect.arrayContaining(['ConfigMap', 'Deployment', 'HorizontalPodAutoscaler', 'Ingress', 'NetworkPolicy']),
    );
    for (const manifest of manifests) {
      const Kind = KINDS[manifest.kind] as unknown as new (data: object) => { validate(): void };
      expect(() => new Kind(unfolded(manifest)).validate()).not.toThrow();
      if (manifest.kind !== 'Namespace') expect(manifest.metadata.namespace).toBe('moltbot');
    }
  });

  it('would fail where one did not', () => {
    const { metadata } = named('Deployment', 'moltbot-worker');
    const broken = { metadata, spec: { replicas: 'two' } };
    expect(() => new Deployment(broken as never).validate()).toThrow(/replicas must be integer/);
  });

  it.each([
    ['primary', { cpu: '2', memory: '4Gi' }],
    ['worker', { cpu: '1', memory: '2Gi' }],
  ])('give the %s its limits, its probes and no rights', (role, limits) => {
    const { spec, pod, container } = deploymentOf(role);
    expect(container.args).toEqual([role]);
    expect(container.resources?.limits).toEqual(limits);
    const ports = Object.fromEntries((container.ports ?? []).map(({ name, containerPort }) => [name, containerPort]));
    // Of both roles, as the image has it.
    expect(ports['metrics']).toBe(9090);
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
      expect(container[probe]?.httpGet?.port).toBe('metrics');
      expect(container[probe]?.httpGet?.path).toBe(probe === 'readinessProbe' ? '/ready' : '/health');
    }
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    for (const each of [container, ...(pod.initContainers ?? [])]) {
      expect(each.image).toBe('registry.example.com/moltbot:0.1.0');
      expect(each.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(spec.selector.matchLabels).toEqual(spec.template.metadata?.labels);
  });

  it.each(['primary', 'worker'])(
    'leave the number of the %s to its autoscaler, also where they are applied again',
    (role) => {
      expect(deploymentOf(role).spec.replicas).toBeUndefined();
      const { spec } = named('HorizontalPodAutoscaler', `moltbot-${role}`);
      expect(spec?.scaleTargetRef).toMatchObject({ kind: 'Deployment', name: `moltbot-${role}` });
    },
  );

  it.each(['primary', 'worker'])('give the %s a home with its files, again after a restart of the pod', (role) => {
    const [command, flag, script = ''] = deploymentOf(role).pod.initContainers?.[0]?.command ?? [];
    expect([command, flag]).toEqual(['node', '-e']);
    const home = mkdtempSync(join(tmpdir(), 'moltbot-pod-'));
    const moved = script.replaceAll('/var/lib/moltbot', home).replaceAll('/etc/moltbot', join(copy, 'example'));
    for (const _ of ['first', 'again']) execFileSync(process.execPath, ['-e', moved]);
    expect(readFileSync(join(home, 'config.yml'), 'utf8')).toContain('anthropic:claude-pro');
    expect(statSync(join(home, 'auth.json')).mode & 0o777).toBe(0o600);
    rmSync(home, { recursive: true });
  });

  it('leave an ending process the time that its settings promise', () => {
    const { settings } = parseSettings({ text: '{}', file: 'config.yml' });
    for (const role of ['primary', 'worker'] as const) {
      const { pod, container } = deploymentOf(role);
      const drain = role === 'primary' ? settings.server.drain_grace : settings.worker.drain_grace;
      const sleep = container.lifecycle?.preStop?.sleep?.seconds ?? 0;
      expect((pod.terminationGracePeriodSeconds ?? 0) * 1_000).toBeGreaterThanOrEqual(drain + sleep * 1_000 + 10_000);
    }
  });

  it('point at each other: services, budgets, autoscalers and policies at pods that are there', () => {
    const labels = ['primary', 'worker'].map((role) => deploymentOf(role).spec.template.metadata?.labels ?? {});
    const matches = (wanted: Readonly<Record<string, string>> | undefined): number =>
      labels.filter((own) => Object.entries(wanted ?? {}).every(([key, value]) => own[key] === value)).length;
    expect(matches(named('Service', 'moltbot').spec?.selector)).toBe(1);
    expect(matches(named('NetworkPolicy', 'moltbot').spec?.podSelector?.matchLabels)).toBe(2);
    expect(matches(named('NetworkPolicy', 'moltbot-chat').spec?.podSelector?.matchLabels)).toBe(1);
    for (const role of ['primary', 'worker']) {
      expect(matches(named('PodDisruptionBudget', `moltbot-${role}`).spec?.selector?.matchLabels)).toBe(1);
      expect(named('HorizontalPodAutoscaler', `moltbot-${role}`).spec?.scaleTargetRef.name).toBe(`moltbot-${role}`);
    }
    const port = named('Service', 'moltbot').spec?.ports?.[0];
    const { container } = deploymentOf('primary');
    expect(container.ports?.some(({ name }) => name === port?.targetPort)).toBe(true);
  });

  it('scale by metrics that MoltBot has', () => {
    const rules = parse(readFileSync(join(FOLDER, 'prometheus-adapter.yaml'), 'utf8')) as {
      rules: Record<string, { seriesQuery: string; name: { as: string }; metricsQuery: string }[]>;
    };
    const offered = Object.values(rules.rules).flat();
    const names = new Set(Object.values(METRICS).map(({ name }) => name as string));
    for (const { seriesQuery } of offered) expect(names).toContain(seriesQuery.replace(/\{.*/, ''));
    const asked = ['primary', 'worker'].flatMap((role) =>
      (named('HorizontalPodAutoscaler', `moltbot-${role}`).spec?.metrics ?? []).flatMap(({ pods, external }) =>
        [pods?.metric.name, external?.metric.name].filter((name) => name !== undefined),
      ),
    );
    expect(asked.toSorted()).toEqual(offered.map(({ name }) => name.as).toSorted());
  });

  it('set variables and a configuration that MoltBot understands', () => {
    const known = new Set(describeSettings().map(({ key }) => `MOLTBOT_${key.toUpperCase().replaceAll('.', '_')}`));
    const own = (name: string): boolean =>
      name.startsWith('MOLTBOT_') && !['MOLTBOT_HOME', 'MOLTBOT_SECRET_KEY'].includes(name);
    const variables = [
      ...['primary', 'worker'].flatMap((role) => (deploymentOf(role).container.env ?? []).map(({ name }) => name)),
      ...readFileSync(join(FOLDER, 'example', 'secret.env.example'), 'utf8')
        .split('\n')
        .map((line) => line.split('=')[0] ?? ''),
    ];
    expect(variables.filter(own).filter((name) => !known.has(name))).toEqual([]);
    const config = named('ConfigMap', 'moltbot').data?.['config.yml'] ?? '';
    expect(parseSettings({ text: config, file: 'config.yml' }).warnings).toEqual([]);
  });

  it('stand on a base that is whole by itself', () => {
    writeFileSync(join(copy, 'kustomization.yaml'), 'resources: [base]\n');
    expect(render(copy).some(({ kind }) => kind === 'Deployment')).toBe(true);
  });
});
