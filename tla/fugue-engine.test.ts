// The numbers of histories are exact: an enumeration that forgets some of them would still agree with everything.

import { describe, it, expect } from '@jest/globals';
import { compareAll } from './fugue-engine.js';

describe('the engine orders every small history as the FugueMax tree does, in every order of delivery', () => {
  it.each([
    { replicas: 3, edits: 4, deletes: 1, width: 1, histories: 9_866, deliveries: 236_784 },
    { replicas: 2, edits: 4, deletes: 1, width: 2, histories: 6_842, deliveries: 164_208 },
  ])('$replicas replicas, $edits edits, $deletes of them a delete, $width characters each', ({ histories, deliveries, ...bounds }) => {
    expect(compareAll(bounds)).toEqual({ histories, deliveries, difference: null });
  });
});
