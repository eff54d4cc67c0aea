import { beforeEach, describe, expect, it } from '@jest/globals';
import { Metrics } from './metrics.js';
import { SlowStore } from './testing/slow-store.js';
import { Writer } from './testing/writer.js';

let metrics: Metrics;
let store: SlowStore;
const gauges = () => ({ connections: 7, rooms: 3, nodes: 1, bufferedBytes: 12, engineBytes: 65_536 });

beforeEach(async () => {
  metrics = new Metrics(gauges);
  store = await SlowStore.open();
});

const lines = async () => (await metrics.render()).split('\n');

describe('metrics', () => {
  it('are OpenMetrics, and end as these do', async () => {
    expect(metrics.contentType).toContain('application/openmetrics-text');
    const all = await lines();
    expect(all.filter(Boolean).at(-1)).toBe('# EOF');
    for (const line of all.filter((text) => text && !text.startsWith('#'))) expect(line).toMatch(/^[a-z\d_]+(\{[^}]*\})? ([-+.\de]+|nan)$/i);
    expect(all).toEqual(expect.arrayContaining(['headwater_connections 7', 'headwater_rooms 3', 'headwater_nodes 1', 'headwater_buffered_bytes 12', 'headwater_engine_bytes 65536']));
    expect(all.some((line) => line.startsWith('nodejs_eventloop_lag_seconds '))).toBe(true);
  });

  it('count commits, what was in them, those that failed, and what was refused', async () => {
    const watched = metrics.watch(store);
    const writer = new Writer();
    const entries = [1, 2, 3].map((seq) => ({ document: 'a', replica: writer.replica, seqFrom: seq, seqTo: seq, bytes: new Uint8Array(10) }));
    expect(await watched.append(entries)).toEqual(expect.arrayContaining([{ outcome: 'appended', lsn: 3 }]));
    expect(await watched.head('a')).toBe(3);
    store.weather.push('fail');
    await expect(watched.append(entries)).rejects.toMatchObject({ code: 'storage_failed' });
    metrics.rejected('clock_drift');
    metrics.rejected('clock_drift');
    expect(await lines()).toEqual(expect.arrayContaining([
      'headwater_commit_entries_bucket{le="2"} 0', 'headwater_commit_entries_bucket{le="5"} 1', 'headwater_commit_seconds_count 1',
      'headwater_commit_bytes_total 30', 'headwater_commit_failures_total 1', 'headwater_rejected_batches_total{code="clock_drift"} 2',
    ]));
  });
});
