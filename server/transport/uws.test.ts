// uWebSockets.js behind the transport interface, where its binary loads; elsewhere there is nothing to test.

import { describe, it } from '@jest/globals';
import { chooseTransport } from './choose.js';
import { transportConformance } from './conformance.js';

const loads = await import('uWebSockets.js').then(() => true, () => false);

if (loads) transportConformance('uWebSockets.js', (limits) => chooseTransport(limits, 'uws'));
else describe('transport: uWebSockets.js', () => it.skip('has no binary for this runtime', () => undefined));
