// The checksum of a stored record: the engine's CRC-32C. The one place the server takes it from.

import '../../sdk/core/embedded.js';

export { checksum } from '../../sdk/core/codec.js';
