// WebSocket close codes of Headwater. 4400..4599 read like their HTTP cousins; closing.ts says what each means.
//
// Read as `closeCodes.name` through `import * as closeCodes`, for the reason in limits.ts.

export const normal = 1000;
export const protocolError = 4400;
export const notAuthorized = 4401;
export const forbiddenOrigin = 4403;
export const helloTimeout = 4408;
export const replicaConflict = 4409;
export const tooLarge = 4413;
export const versionUnsupported = 4426;
export const rateLimited = 4429;
export const internal = 4500;
export const unavailable = 4503;
export const pingTimeout = 4504;
