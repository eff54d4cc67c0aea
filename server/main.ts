// The life of the server's process: start, serve, and stop without losing anything when asked to.

import { createServer, type ServerOptions } from './server.js';

/** Resolves when the server has stopped after SIGTERM or SIGINT. A second signal ends the process at once. */
export async function serve(options: ServerOptions): Promise<void> {
  const server = await createServer(options);
  try {
    await server.listen();
  } catch (cause) {
    await server.close();
    throw cause;
  }
  await signalled();
  await server.close();
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (isStopping) process.exit(1);
        isStopping = true;
        resolve();
      });
    }
  });
}

