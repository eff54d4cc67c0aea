// Which protocol the two ends speak, settled in the WebSocket handshake.
//
// The client offers subprotocols, newest first, and may add its token as one more entry, since a browser
// cannot set headers and a URL ends up in logs. The server picks one protocol and never echoes the token.

import { subprotocol } from './message.js';

const supported: readonly string[] = [subprotocol];
const tokenPrefix = 'headwater.token.';

/** What a client puts into `new WebSocket(url, …)`. A JWT's alphabet is allowed in a subprotocol name. */
export function offeredSubprotocols(token?: string): string[] {
  return token === undefined ? [...supported] : [...supported, tokenPrefix + token];
}

/** The protocol both ends speak, and the token if one was offered; null when there is no common protocol. */
export function negotiate(offered: readonly string[]): { subprotocol: string; token?: string } | null {
  const chosen = supported.find((name) => offered.includes(name));
  if (!chosen) return null;
  const entry = offered.find((name) => name.startsWith(tokenPrefix));
  return entry === undefined ? { subprotocol: chosen } : { subprotocol: chosen, token: entry.slice(tokenPrefix.length) };
}

/** The entries of a Sec-WebSocket-Protocol header. */
export function parseSubprotocols(header: string | undefined): string[] {
  return (header ?? '').split(',').map((entry) => entry.trim()).filter((entry) => entry !== '');
}
