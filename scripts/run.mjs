// `node scripts/run.mjs folder/module …args`: builds what is stale, then runs the compiled module.
import './build.mjs';
const [, , module, ...args] = process.argv;
process.argv = [process.argv[0], module, ...args];
await import(`../build/js/${module}.js`);
