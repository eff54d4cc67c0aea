// The engine's instance: one per thread, many documents in it, whichever entry of the package brought its bytes.
//
// Who calls the engine imports this module by the name `engine`. embedded.ts and embedded-lite.ts install the WASM they carry,
// load.ts one that the app hands in; memory.ts is the only other file that touches linear memory.

import { bind, callsId, document_create, document_lose, hash_seed, memory, memory_used, text_insert } from '../../build/engine/calls.js';
import { HeadwaterError } from './errors.js';

export * from '../../build/engine/calls.js';

/** Names a document inside the engine. */
export type DocumentHandle = ReturnType<typeof document_create>;

bind(() => notLoaded);

/** A document as long as the engine holds it. */
export interface Held { readonly handle: DocumentHandle; isFreed: boolean }

/** The document the engine is at work on: lost when memory runs out. */
let atWork: Held | null = null;

/** Says whose the next engine calls are; null is nobody's. @returns whose they were */
export function workOn(held: Held | null): Held | null {
  const before = atWork;
  // Mostly it is the same; asking costs less than the collector's bookkeeping of a write.
  if (before !== held) atWork = held;
  return before;
}

/**
 * What the engine calls when it can get no more memory. Throwing unwinds the call, wherever it stood: no caller has to catch
 * anything, and no call costs more for it. What was half done is one document, which is closed and freed.
 */
function exhausted(): never {
  const lost = workOn(null);
  document_lose(lost && !lost.isFreed ? lost.handle as unknown as number : 0);
  if (lost) lost.isFreed = true;
  throw new HeadwaterError('out_of_memory', lost
    ? 'the engine ran out of memory, and this document was closed; close others that are not needed, then open it again'
    : 'the engine has no memory left for this; close documents that are not needed');
}

/** What an instance has to be made with. */
export const imports = { host: { exhausted } };

function notLoaded(): never {
  throw new HeadwaterError('not_loaded', 'the engine is not here yet; await load(source) first, or import from "headwater"');
}

/** Is there an engine? With `whole`, one that has texts too. */
export function isInstalled(whole: boolean): boolean {
  return memory instanceof WebAssembly.Memory && !(whole && text_insert === undefined);
}

/**
 * Puts an instance under the calls, in place of a lite one nobody has used.
 *
 * @throws HeadwaterError `invalid_argument` for another version's engine, `not_supported` when documents live in the lite one
 */
export function install({ exports }: WebAssembly.Instance): void {
  if (!(callsId in exports)) throw new HeadwaterError('invalid_argument', 'this WebAssembly is not the engine of this version of headwater; serve the engine.wasm it comes with');
  if (isInstalled(false) && memory_used() > 0) throw new HeadwaterError('not_supported', 'documents of headwater/lite are open; import headwater before making them');
  bind((name) => exports[name]);
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  hash_seed(high, low);
}
