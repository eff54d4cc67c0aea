// headwater: what an app imports. The engine comes with it, ready at once.

import './core/embedded.js';

export * from './names.js';
