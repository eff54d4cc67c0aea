// headwater/server: what an app that runs its own server imports.

export { createServer, type Server, type ServerOptions } from './server.js';
export { type ServerConfigInput } from './config.js';
export { type AccessHooks } from './access/access.js';
export { type Visitor } from './access/identity.js';
export { type Level } from './access/level.js';
export { defaultLimits, type Limits } from './limits.js';
export { LocalBus } from './bus/local.js';
export { type Bus, type BusListener, type BusMessage } from './bus/bus.js';
export { type Store } from './store/store.js';
export { openSqliteStore } from './store/sqlite.js';
