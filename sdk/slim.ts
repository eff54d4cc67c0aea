// headwater/slim: the same names; the app brings the engine ("headwater/engine.wasm") with `await load(source)`.

export { load, type EngineSource } from './core/load.js';
export * from './names.js';
