// Generated from frame.fbs by scripts/flatc.mjs: what verify.ts holds every payload to.

import type { TableSchema } from '../verify.js';

export const schema = {
  hello: [
    { name: 'protocol', kind: 'scalar', size: 2 },
    { name: 'replica', kind: 'scalar', size: 8 },
    { name: 'token', kind: 'string', required: false },
  ],
  welcome: [
    { name: 'protocol', kind: 'scalar', size: 2 },
    { name: 'epoch', kind: 'string', required: true },
    { name: 'ping_interval_ms', kind: 'scalar', size: 4 },
    { name: 'frame_bytes_max', kind: 'scalar', size: 4 },
  ],
  subscribe: [
    { name: 'document', kind: 'string', required: true },
    { name: 'lsn', kind: 'scalar', size: 8 },
    { name: 'epoch', kind: 'string', required: true },
  ],
  subscribed: [
    { name: 'document', kind: 'string', required: true },
    { name: 'from', kind: 'scalar', size: 8 },
    { name: 'head', kind: 'scalar', size: 8 },
    { name: 'bytes_total', kind: 'scalar', size: 8 },
    { name: 'version', kind: 'vector', size: 1, align: 1, required: true },
  ],
  unsubscribe: [
    { name: 'document', kind: 'string', required: true },
  ],
  changes: [
    { name: 'document', kind: 'string', required: true },
    { name: 'first', kind: 'scalar', size: 8 },
    { name: 'last', kind: 'scalar', size: 8 },
    { name: 'batches', kind: 'vector', size: 1, align: 1, required: true },
  ],
  snapshot: [
    { name: 'document', kind: 'string', required: true },
    { name: 'lsn', kind: 'scalar', size: 8 },
    { name: 'offset', kind: 'scalar', size: 8 },
    { name: 'total', kind: 'scalar', size: 8 },
    { name: 'bytes', kind: 'vector', size: 1, align: 1, required: true },
  ],
  push: [
    { name: 'document', kind: 'string', required: true },
    { name: 'batches', kind: 'vector', size: 1, align: 1, required: true },
  ],
  ack: [
    { name: 'document', kind: 'string', required: true },
    { name: 'entries', kind: 'vector', size: 16, align: 8, required: true },
  ],
  reject: [
    { name: 'document', kind: 'string', required: true },
    { name: 'replica', kind: 'scalar', size: 8 },
    { name: 'seq_from', kind: 'scalar', size: 8 },
    { name: 'seq_to', kind: 'scalar', size: 8 },
    { name: 'code', kind: 'string', required: true },
    { name: 'message', kind: 'string', required: true },
  ],
  presence: [
    { name: 'document', kind: 'string', required: true },
    { name: 'replica', kind: 'scalar', size: 8 },
    { name: 'state', kind: 'vector', size: 1, align: 1, required: true },
  ],
  ping: [
    { name: 'nonce', kind: 'scalar', size: 4 },
  ],
  pong: [
    { name: 'nonce', kind: 'scalar', size: 4 },
  ],
  resync: [
    { name: 'document', kind: 'string', required: true },
  ],
  error: [
    { name: 'code', kind: 'string', required: true },
    { name: 'message', kind: 'string', required: true },
    { name: 'document', kind: 'string', required: false },
  ],
  goodbye: [
    { name: 'code', kind: 'string', required: true },
    { name: 'message', kind: 'string', required: true },
    { name: 'retry_after_ms', kind: 'scalar', size: 4 },
  ],
} as const satisfies Record<string, TableSchema>;
