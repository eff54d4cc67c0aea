// The ws package behind the transport interface.

import { chooseTransport } from './choose.js';
import { transportConformance } from './conformance.js';

transportConformance('ws', (limits) => chooseTransport(limits, 'ws'));
