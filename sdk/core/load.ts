// The engine as a file of its own: for apps that would rather fetch, cache and compile it as one.

import { HeadwaterError } from './errors.js';
import { imports, install, isInstalled } from './wasm.js';

/** Bytes, a compiled module, a response, or an address to fetch. */
export type EngineSource = BufferSource | WebAssembly.Module | Response | URL | string;

let loading: Promise<void> | undefined;

/**
 * Brings the engine in, once: later calls give the first one's promise, and where `headwater` is imported too its engine is
 * taken. After a failure it may be tried again.
 *
 * @throws HeadwaterError `unavailable` when it cannot be fetched, `invalid_argument` when it is not this version's engine
 */
export function load(source: EngineSource | Promise<EngineSource>): Promise<void> {
  return loading ??= bring(source).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
}

async function bring(source: EngineSource | Promise<EngineSource>): Promise<void> {
  if (isInstalled(true)) return;
  const module = await moduleOf(await source);
  // Somebody may have imported "headwater" meanwhile.
  if (!isInstalled(true)) install(new WebAssembly.Instance(module, imports));
}

async function moduleOf(source: EngineSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (typeof source === 'string' || source instanceof URL) return compileResponse(await fetch(source));
  return source instanceof Response ? compileResponse(source) : compile(source);
}

/** Compiles while it arrives, where the server says that it is WebAssembly. */
async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  if (!response.ok) throw new HeadwaterError('unavailable', `the engine could not be fetched: status ${response.status} from ${response.url}`);
  const isTyped = response.headers.get('content-type')?.startsWith('application/wasm');
  return isTyped ? WebAssembly.compileStreaming(response) : compile(await response.arrayBuffer());
}

async function compile(bytes: BufferSource): Promise<WebAssembly.Module> {
  if (WebAssembly.validate(bytes)) return WebAssembly.compile(bytes);
  throw new HeadwaterError('invalid_argument', 'these bytes are not WebAssembly; load takes the engine.wasm that comes with headwater');
}
