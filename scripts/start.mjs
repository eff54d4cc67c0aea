// `npm start`: builds what is missing, then serves the engine, the log and the console on loopback.
import './build.mjs';
process.argv = [process.argv[0], 'headwater', 'serve', ...process.argv.slice(2)];
await import('../build/js/server/cli.js');
