// The checksum of a stored record: the engine's CRC-32C. The one place the server takes it from.

export { checksum } from '../../sdk/core/codec.js';
