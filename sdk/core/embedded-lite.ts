// The engine without texts, in the code as the whole one is in embedded.ts; not needed where there is any.

import { engineLatin1 } from '../../build/engine/embedded-lite.js';
import { installLatin1 } from './latin1.js';
import { isInstalled } from './wasm.js';

if (!isInstalled(false)) installLatin1(engineLatin1);
