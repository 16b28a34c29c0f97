/** One run over the whole house: unit tests read the sources, end-to-end tests start the built apps. */
export default {
  testEnvironment: 'node',
  // Workspace packages resolve to their sources ("source" in each package's exports). Jest adds import or require itself:
  // with both, a CommonJS package is handed the ESM half of its dependency (pg and pg-pool).
  testEnvironmentOptions: { customExportConditions: ['source', 'node'] },
  roots: ['<rootDir>/packages', '<rootDir>/apps', '<rootDir>/deploy'],
  testMatch: ['**/src/**/*.test.ts', '**/test/**/*.test.ts'],
  globalSetup: '<rootDir>/tools/jest-run.mjs',
  globalTeardown: '<rootDir>/tools/jest-run-end.mjs',
  setupFiles: ['<rootDir>/tools/property-tests.mjs'],
  setupFilesAfterEnv: ['<rootDir>/tools/second-try.mjs'],
  modulePathIgnorePatterns: ['/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  maxWorkers: 2,
  testTimeout: 30_000,
  // A rejected promise nobody waits for, or a handle left open, is a fault of the code under test.
  errorOnDeprecated: true,
};
