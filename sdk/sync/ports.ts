// The world as a connection sees it: a transport, a clock, timers, chance, and hints about the network.

import { systemClock } from '../core/clock.js';
import type { Transport } from './transport.js';

/** What a connection needs of the world. */
export interface ConnectionPorts {
  transport: Transport;
  /** Wall clock, ms since the epoch. */
  now(): number;
  /** Ms since some moment; unlike the wall clock nobody sets it. */
  ticks(): number;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
  /** Uniform over [0, 1). */
  random(): number;
  /** Hints of the device; returns how to stop listening. */
  watchNetwork?(listener: (isOnline: boolean) => void): () => void;
}

/** The ports of a browser or Node process. */
export function systemPorts(transport: Transport): ConnectionPorts {
  return {
    transport,
    ...systemClock,
    setTimer: (run, ms) => setTimeout(run, ms),
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
    random: () => Math.random(),
    watchNetwork: typeof globalThis.addEventListener === 'function' ? watchWindow : undefined,
  };
}

function watchWindow(listener: (isOnline: boolean) => void): () => void {
  const online = () => listener(true);
  const offline = () => listener(false);
  globalThis.addEventListener('online', online);
  globalThis.addEventListener('offline', offline);
  return () => {
    globalThis.removeEventListener('online', online);
    globalThis.removeEventListener('offline', offline);
  };
}
