import { busConformance } from './conformance.js';
import { LocalBus } from './local.js';

busConformance('local', async () => {
  const bus = new LocalBus();
  return { buses: [bus, bus], dispose: () => bus.close() };
});
