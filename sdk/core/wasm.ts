// The engine's instance: one per thread, many documents in it, whichever entry of the package brought its bytes.
//
// Who calls the engine imports this module by the name `engine`. embedded.ts and embedded-lite.ts install the WASM they carry,
// load.ts one that the app hands in; memory.ts is the only other file that touches linear memory.

import { bind, callsId, document_create, memory, memory_used, text_insert } from '../../build/engine/calls.js';
import { HeadwaterError } from './errors.js';

export * from '../../build/engine/calls.js';

/** Names a document inside the engine. */
export type DocumentHandle = ReturnType<typeof document_create>;

bind(() => notLoaded);

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
}
