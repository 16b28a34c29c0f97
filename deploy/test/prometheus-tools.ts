import { spawnSync } from 'node:child_process';

/** Debian's package `prometheus` has both. */
export const prometheusIsThere = ['promtool', 'prometheus'].every(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);

const REASON = 'Prometheus is not installed (Debian: apt-get install prometheus): rules and dashboards are not run';

/** Says why what needs Prometheus is not tested; fails where it has to be there (`MOLTBOT_REQUIRE_PROMETHEUS=1`). */
export function sayWithoutPrometheus(): void {
  if (process.env['MOLTBOT_REQUIRE_PROMETHEUS'] === '1') throw new Error(REASON);
  process.stderr.write(`${REASON}\n`);
}

/** The names of metrics that a PromQL expression reads, without suffixes of histograms. */
export function metricsIn(expression: string): readonly string[] {
  const bare = expression
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right) ?\([^)]*\)/g, '')
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '');
  return [...bare.matchAll(/(?<![\w:$])(?:moltbot|gen_ai|process|nodejs)[_:][\w:]+|\bup\b/g)].map(([name]) =>
    name.replace(/(?<=_(?:seconds|usage))_(?:bucket|sum|count)$/, ''),
  );
}
