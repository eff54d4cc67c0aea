// What a server measures of itself, in the OpenMetrics format.
//
// Commits are timed around the store; everything else is read when somebody asks.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../sdk/core/errors.js';
import type { Store } from './store/store.js';

/** Read when metrics are asked for. */
export interface Gauges {
  connections: number;
  rooms: number;
  /** Other nodes that are heard. */
  nodes: number;
  /** Bytes handed to sockets and not yet on the network. */
  bufferedBytes: number;
  /** Memory of the engine that holds the documents. */
  engineBytes: number;
}

const commitSeconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const groupEntries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

export class Metrics {
  private readonly registry = new Registry();
  private readonly commits: Histogram;
  private readonly entries: Histogram;
  private readonly bytes: Counter;
  private readonly failures: Counter;
  private readonly rejects: Counter<'code'>;

  constructor(private readonly gauges: () => Gauges) {
    // The type knows only the format it began with.
    this.registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const registers = [this.registry];
    this.commits = new Histogram({ name: 'headwater_commit_seconds', help: 'From handing a group to the database until it is on disk', buckets: commitSeconds, registers });
    this.entries = new Histogram({ name: 'headwater_commit_entries', help: 'Batches in one commit', buckets: groupEntries, registers });
    this.bytes = new Counter({ name: 'headwater_commit_bytes_total', help: 'Bytes of batches that were committed', registers });
    this.failures = new Counter({ name: 'headwater_commit_failures_total', help: 'Commits that failed; their authors try again', registers });
    this.rejects = new Counter({ name: 'headwater_rejected_batches_total', help: 'Batches refused for ever, by the code that says why', labelNames: ['code'], registers });
    this.gauge('headwater_connections', 'Open connections', 'connections');
    this.gauge('headwater_rooms', 'Documents in memory', 'rooms');
    this.gauge('headwater_nodes', 'Other nodes of this database that are heard', 'nodes');
    this.gauge('headwater_buffered_bytes', 'Bytes that wait in sockets', 'bufferedBytes');
    this.gauge('headwater_engine_bytes', 'Memory of the engine that holds the documents', 'engineBytes');
    collectDefaultMetrics({ register: this.registry });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** All of it as text. */
  render(): Promise<string> {
    return this.registry.metrics();
  }

  rejected(code: ErrorCode): void {
    this.rejects.inc({ code });
  }

  /** The same store, its commits timed. */
  watch(store: Store): Store {
    const append: Store['append'] = async (entries) => {
      const startedMs = performance.now();
      try {
        const answers = await store.append(entries);
        this.commits.observe((performance.now() - startedMs) / 1_000);
        this.entries.observe(entries.length);
        this.bytes.inc(entries.reduce((total, { bytes }) => total + bytes.length, 0));
        return answers;
      } catch (cause) {
        this.failures.inc();
        throw cause;
      }
    };
    return new Proxy(store, {
      get(target, name) {
        if (name === 'append') return append;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  private gauge(name: string, help: string, which: keyof Gauges): void {
    const { gauges } = this;
    new Gauge({ name, help, registers: [this.registry], collect() { this.set(gauges()[which]); } });
  }
}
