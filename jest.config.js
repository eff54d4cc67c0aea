// Tests run on the compiled tree: what is tested is what ships, workers and WASM paths included.
export default {
  rootDir: 'build/js',
  testMatch: ['**/*.test.js'],
  testEnvironment: 'node',
  transform: {},
  testTimeout: 60_000,
  maxWorkers: 2,
};
