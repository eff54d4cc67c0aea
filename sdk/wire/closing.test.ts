import { describe, expect, it } from '@jest/globals';
import { errorCodes } from '../core/errors.js';
import * as closeCodes from './close-codes.js';
import { closeCodeOf, errorOfClose, isFatal } from './closing.js';
import { negotiate, offeredSubprotocols, parseSubprotocols } from './version.js';

describe('a close code', () => {
  it.each([
    [1000, 'backoff'], [1001, 'backoff'], [1006, 'backoff'], [1012, 'backoff'], [4400, 'backoff'], [4401, 'never'], [4403, 'never'],
    [4408, 'backoff'], [4409, 'never'], [4413, 'backoff'], [4426, 'never'], [4429, 'backoff'], [4500, 'backoff'], [4503, 'backoff'],
    [4504, 'backoff'], [4999, 'backoff'],
  ])('of %i means: try again %s', (code, retry) => {
    expect(isFatal(errorOfClose(code)) ? 'never' : 'backoff').toBe(retry);
  });

  it('is fit for WebSocket.close, which takes 1000 and 3000 to 4999', () => {
    for (const code of Object.values(closeCodes)) expect(code === 1000 || (code >= 3000 && code <= 4999)).toBe(true);
  });

  it('of an error ends the attempts exactly when the error does', () => {
    for (const code of errorCodes) expect(isFatal(errorOfClose(closeCodeOf(code)))).toBe(isFatal(code));
  });
});

describe('the subprotocol', () => {
  it('carries the token beside the version', () => {
    expect(offeredSubprotocols()).toEqual(['headwater.v1']);
    expect(offeredSubprotocols('a.b.c')).toEqual(['headwater.v1', 'headwater.token.a.b.c']);
    expect(negotiate(offeredSubprotocols('a.b.c'))).toEqual({ subprotocol: 'headwater.v1', token: 'a.b.c' });
    expect(negotiate(offeredSubprotocols())).toEqual({ subprotocol: 'headwater.v1' });
  });

  it('finds none in common with a stranger', () => {
    expect(negotiate([])).toBeNull();
    expect(negotiate(['graphql-ws', 'headwater.v2', 'headwater.token.x'])).toBeNull();
  });

  it('is read from its header', () => {
    expect(parseSubprotocols('headwater.v1, headwater.token.x,,')).toEqual(['headwater.v1', 'headwater.token.x']);
    expect(parseSubprotocols(undefined)).toEqual([]);
  });
});
