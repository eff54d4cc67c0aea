// Hocuspocus as it comes, without an extension that stores anything: in memory.

import { Server } from '@hocuspocus/server';

export async function start() {
  const server = new Server({ port: 0, address: '127.0.0.1', quiet: true, stopOnSignals: false });
  await server.listen();
  return server.address.port;
}
