// The counter: what every window added, summed.

import type { Counter } from '../../../sdk/index.js';
import { byId } from './dom.js';
import type { WriteLog } from './writes.js';

/** @returns undoes the binding */
export function bindCounter(counter: Counter, log: WriteLog): () => void {
  const draw = () => { byId('count').textContent = String(counter.value); };
  byId<HTMLButtonElement>('up').onclick = () => log.add('counter + 1', counter.increment());
  byId<HTMLButtonElement>('down').onclick = () => log.add('counter − 1', counter.decrement());
  draw();
  return counter.subscribe(draw);
}
