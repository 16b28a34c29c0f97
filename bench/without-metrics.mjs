// Preloaded into a process (`node --import`): nothing is counted in it, and nothing measured of the process. What is left is the calls
// themselves. Only bench/metrics.mjs uses it: the product has no such switch.
import { registerHooks } from 'node:module';

const SILENT = {
  'count-attempt.js': 'export function countAttempt() {}',
  'count-request.js': 'export function countRequest() {}',
  'watch-targets.js':
    "export function watchTargets() { return () => {}; }\nexport const BREAKER_LEVELS = { closed: 0, 'half-open': 1, open: 2 };",
  'watch-credentials.js': 'export function watchCredentials() { return { unusable: new Set(), stop() {} }; }',
  'metrics.js': `
    const cell = { inc() {}, dec() {}, set() {}, observe() {}, with: () => cell, remove() {}, reset() {} };
    const output = { contentType: 'text/plain', render: async () => '', onRender: () => () => {}, close() {} };
    export function createMetrics() { return new Proxy(output, { get: (own, key) => own[key] ?? cell }); }`,
};

registerHooks({
  load(url, context, next) {
    const name = /\/observability\/dist\/([\w-]+\.js)$/.exec(url)?.[1];
    const source = name === undefined ? undefined : SILENT[name];
    return source === undefined ? next(url, context) : { format: 'module', source, shortCircuit: true };
  },
});
