// Which transport serves: uWebSockets.js where its prebuilt binary loads, ws everywhere else.

import { HeadwaterError } from '../../sdk/core/errors.js';
import type { ServerTransport, TransportLimits, TransportName } from './transport.js';

/** As node:http has it. */
const headerBytesMax = 16 * 1024;

const loaders: Record<TransportName, (limits: TransportLimits) => Promise<ServerTransport>> = {
  uws: async (limits) => {
    // Read by the library when it loads. A token has up to 8 KiB, and its own limit for all headers is 4.
    process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= String(headerBytesMax);
    return new (await import('./uws.js')).UwsTransport(limits);
  },
  ws: async (limits) => new (await import('./ws.js')).WsTransport(limits),
};

/** @throws HeadwaterError `unavailable` when the one asked for, or none, can be loaded */
export async function chooseTransport(limits: TransportLimits, forced?: TransportName): Promise<ServerTransport> {
  const failures: string[] = [];
  for (const name of forced === undefined ? (['uws', 'ws'] as const) : [forced]) {
    try {
      return await loaders[name](limits);
    } catch (cause) {
      failures.push(`${name}: ${(cause as Error).message.split('\n')[0]}`);
    }
  }
  throw new HeadwaterError('unavailable', `no WebSocket library loads (npm install ws): ${failures.join('; ')}`);
}
