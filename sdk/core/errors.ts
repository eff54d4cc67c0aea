// The one error class of Headwater, and the list of its codes.
//
// Programs match `code`, which never changes its meaning; people read `message`, which says what to do.
// A code that travels on the wire is the same string here, on the server and in PROTOCOL.md.

export const errorCodes = [
  'invalid_argument',      // a call was made with something it cannot take; nothing changed
  'index_out_of_range',    // a position outside the text, or inside a surrogate pair
  'invalid_update',        // bytes that are not a well-formed update, or that contradict the document
  'history_compacted',     // an update builds on history that a snapshot without history left out
  'missing_dependency',    // a batch builds on ops that have not arrived
  'too_large',             // over a named limit
  'closed',                // the client, document or server was closed
  'not_attached',          // an engine-only document has no storage and no server
  'not_authorized',        // the server's rules do not allow it
  'clock_drift',           // a stamp too far in the future
  'depends_on_rejected',   // an op built on one that the server refused
  'replica_conflict',      // two writers used one replica id
  'storage_failed',        // the device's store did not take a write
  'corrupt_record',        // a stored record failed its checksum and was set aside
  'not_loaded',            // headwater/slim was used before its engine was loaded
  'not_supported',         // this build leaves out what is asked of it
  'out_of_memory',         // the engine's memory is full
  'protocol_error',        // the peer sent something the protocol does not allow
  'version_unsupported',   // no protocol version in common
  'rate_limited',          // too much, too fast
  'unavailable',           // the server cannot be reached, or is stopping
  'internal',              // a fault of ours
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export class HeadwaterError extends Error {
  override readonly name = 'HeadwaterError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** What was thrown, as one of ours. */
export function asHeadwaterError(error: unknown, code: ErrorCode = 'internal'): HeadwaterError {
  if (error instanceof HeadwaterError) return error;
  return new HeadwaterError(code, error instanceof Error ? error.message : String(error));
}
