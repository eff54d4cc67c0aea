// Tests run on the compiled tree: what is tested is what ships, workers and WASM paths included.
export default {
  rootDir: 'build/js',
  // Tests of a layer below the public door import no engine of their own.
  setupFiles: ['<rootDir>/sdk/core/embedded.js'],
  testMatch: ['**/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  testTimeout: 60_000,
  maxWorkers: 2,
};
