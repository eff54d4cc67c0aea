// The engine answers with a Status; callers get a HeadwaterError that says what to do.

import { Status } from '../../assembly/abi.js';
import { HeadwaterError, type ErrorCode } from './errors.js';

const answers: Partial<Record<Status, [ErrorCode, string]>> = {
  [Status.Waiting]: ['missing_dependency', 'the update builds on ops that are not here; send those first'],
  [Status.IndexOutOfRange]: ['index_out_of_range', 'the position lies outside the text; use 0 to length'],
  [Status.InsideSurrogatePair]: ['index_out_of_range', 'the position lies inside a surrogate pair (one character of two units); move it by one'],
  [Status.InvalidUpdate]: ['invalid_update', 'these bytes are not an update of this document; pass on exactly what export, snapshot or an update listener gave'],
  [Status.ClockDrift]: ['clock_drift', 'an op is stamped too far in the future; correct the clock of the device that wrote it'],
  [Status.TooLarge]: ['too_large', 'a limit is exceeded: 256 KiB per value, 16 MiB of waiting updates, 67 million characters per document'],
  [Status.Overflow]: ['invalid_argument', 'the counter would leave the safe integers; nothing was added'],
  [Status.HistoryCompacted]: ['history_compacted', 'this builds on history that a snapshot without history left out; open the document anew from a full or a newer snapshot'],
  [Status.Exhausted]: ['too_large', 'this document has no numbers left for more ops; start a new document'],
  [Status.NotSupported]: ['not_supported', 'these bytes hold a text or a list, and headwater/lite leaves those out; import from headwater'],
};

export function failure(status: Status, details: Record<string, unknown> = {}): HeadwaterError {
  const [code, message] = answers[status] ?? ['internal', `the engine answered ${status}`];
  return new HeadwaterError(code, message, details);
}
