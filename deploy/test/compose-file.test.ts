import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Service {
  readonly image: string;
  readonly restart: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly logging: { readonly options: Readonly<Record<string, string>> };
  readonly healthcheck: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly deploy: { readonly resources: { readonly limits: { readonly cpus: string; readonly memory: string } } };
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly privileged?: boolean;
}

const text = read('docker-compose.yml');
const { services, volumes } = parse(text, { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
/** Name → default, of every `${NAME:-default}` of the file. */
const variables = new Map(
  [...text.matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(([, name = '', value = '']) => [name, value]),
);

describe('docker-compose.yml', () => {
  it.each(Object.keys(services))('holds %s to limits, a health check and rotated logs, without rights', (name) => {
    const service = services[name];
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    expect(service?.privileged).toBeUndefined();
    const { limits } = service?.deploy.resources ?? {};
    expect([limits?.cpus, limits?.memory]).toEqual([expect.any(String), expect.any(String)]);
    expect(service?.logging.options).toMatchObject({ 'max-size': '10m', 'max-file': '5' });
    // What runs once has no health, and is not begun again when it is done.
    const once = service?.restart !== 'unless-stopped';
    expect(service?.healthcheck.disable === true).toBe(once);
    if (!once) expect(service?.healthcheck.test?.[0]).toBe('CMD');
  });

  it('opens nothing to others unless somebody says so', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports).toHaveLength(4);
    for (const port of ports) expect(port).toMatch(/^(127\.0\.0\.1|\$\{MOLTBOT_BIND:-127\.0\.0\.1\}):/);
  });

  it('mounts files that are in the repository, and volumes that it names', () => {
    for (const mount of Object.values(services).flatMap((service) => service.volumes ?? [])) {
      const source = mount.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1').split(':')[0] ?? '';
      expect([source, source.startsWith('./') ? existsSync(join(ROOT, source)) : source in volumes]).toEqual([
        source,
        true,
      ]);
    }
  });

  it('keeps no secret, and gives none a constant', () => {
    const secrets = [...variables].filter(([name]) => /PASSWORD|SECRET|_KEY$/.test(name));
    expect(secrets.length).toBeGreaterThan(3);
    for (const [name, value] of secrets) expect([name, value]).toEqual([name, '']);
  });

  it('names images by version', () => {
    const images = Object.values(services).map(({ image }) => image.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1'));
    for (const image of images) expect(image).toMatch(/:(local|v?\d[\w.-]*)$/);
  });

  it('can be set as .env.example says: every variable, with its default, and no other', () => {
    const named = new Map(
      [...read('.env.example').matchAll(/^#([A-Z][A-Z0-9_]*)=(\S*)/gm)].map(([, name = '', value = '']) => [
        name,
        value,
      ]),
    );
    named.delete('COMPOSE_PROFILES');
    const missing = [...variables.keys()].filter((name) => !named.has(name) && name !== 'HTTP_PROXY');
    expect(missing).toEqual([]);
    expect([...named.keys()].filter((name) => !variables.has(name))).toEqual([]);
    for (const [name, value] of variables) {
      // Where nothing is the default, the example shows what could be.
      if (value !== '' && !/^MOLTBOT_OBJECTS_URL$/.test(name)) expect([name, named.get(name)]).toEqual([name, value]);
    }
  });
});
