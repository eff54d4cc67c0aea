// The engine, instantiated: one instance per thread, ready on import, many documents in it.
//
// The WASM is embedded as a Latin-1 string, so no bundler needs a plugin and nothing has to be awaited. This is the only
// file that instantiates it; memory.ts is the only other one that touches its memory.

import { engineLatin1, engineMask } from '../../build/engine/embedded.js';
import type { instantiate } from '../../build/engine/engine.js';

export type Engine = Awaited<ReturnType<typeof instantiate>>;

/** Names a document inside the engine. */
export type DocumentHandle = ReturnType<Engine['document_create']>;

export const engine: Engine = new WebAssembly.Instance(new WebAssembly.Module(engineBytes()), {}).exports as unknown as Engine;

function engineBytes(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(engineLatin1.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = engineLatin1.charCodeAt(i) ^ engineMask;
  return bytes;
}
