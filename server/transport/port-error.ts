// A port that cannot be had is the commonest way for a first start to fail; the answer says what to do.

import { HeadwaterError } from '../../sdk/core/errors.js';

export function portError(port: number, host: string, reason = 'is it in use?'): HeadwaterError {
  return new HeadwaterError(
    'unavailable',
    `cannot listen on ${host}:${port} (${reason}); stop what is using it or choose another with --port`,
    { port, host },
  );
}
