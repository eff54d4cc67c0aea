// The engine that comes with the code: ready on import, synchronous, no file to serve and no bundler plugin.

import { engineLatin1 } from '../../build/engine/embedded.js';
import { installLatin1 } from './latin1.js';
import { isInstalled } from './wasm.js';

if (!isInstalled(true)) installLatin1(engineLatin1);
