// The state of every write made in this window: saving → saved on this device → saved on the server.
//
// A row is a write, or a run of keystrokes typed without a pause: it stands where its slowest write stands.
// Each write moves twice; rows are drawn once per frame, or fast typing would wait for the drawing of its own log.

import type { Write } from '../../../sdk/index.js';
import { byId, make, settled } from './dom.js';
import { messageOf } from './notice.js';

type State = Write['state'];

interface Row {
  kind: string;
  writes: Write[];
  inserted: string;
  deleted: number;
  changedMs: number;
  ackedMs: number;
  reason: string;
  element: HTMLElement;
}

const rowsMax = 40;
const pauseMs = 900;
const labels: Record<State, string> = {
  local: 'saving…', durable: 'saved on this device', acked: 'saved on the server', rejected: 'refused',
};

export class WriteLog {
  readonly #list = byId('writes');
  readonly #tally: Record<State, number> = { local: 0, durable: 0, acked: 0, rejected: 0 };
  readonly #moved = new Set<Row>();
  readonly #drawSoon = settled(() => this.#drawMoved(), 16);
  #latest: Row | undefined;

  /** Follows a write that is not typing, such as `+ 1` or `tag “x”`. */
  add(what: string, write: Write): void {
    this.#latest = undefined;
    this.#follow(this.#row(what), write);
  }

  /** Follows a keystroke, in the row of the keystrokes just before it. */
  typed(write: Write, inserted: string, deleted: number, document: string): void {
    const kind = `text of ${document}`;
    const latest = this.#latest;
    const continues = latest?.kind === kind && Date.now() - latest.changedMs < pauseMs;
    const row = continues ? latest : this.#row(kind);
    if (deleted > 0 && inserted === '' && row.inserted.length >= deleted) row.inserted = row.inserted.slice(0, -deleted);
    else row.deleted += deleted;
    row.inserted += inserted;
    this.#latest = row;
    this.#follow(row, write);
  }

  #row(kind: string): Row {
    const element = make('li', { className: 'write' });
    this.#list.prepend(element);
    while (this.#list.childElementCount > rowsMax) this.#list.lastElementChild?.remove();
    byId('writes-empty').hidden = true;
    return { kind, writes: [], inserted: '', deleted: 0, changedMs: Date.now(), ackedMs: 0, reason: '', element };
  }

  #follow(row: Row, write: Write): void {
    row.writes.push(write);
    row.changedMs = Date.now();
    let counted: State = write.state;
    this.#tally[counted]++;
    const moved = () => {
      this.#tally[counted]--;
      counted = write.state;
      this.#tally[counted]++;
      if (counted === 'acked') row.ackedMs = Date.now();
      this.#show(row);
    };
    write.durable.then(moved, moved);
    write.acked.then(moved, (error: unknown) => { row.reason = messageOf(error); moved(); });
    this.#show(row);
  }

  #show(row: Row): void {
    this.#moved.add(row);
    this.#drawSoon();
  }

  #drawMoved(): void {
    for (const row of this.#moved) this.#draw(row);
    this.#moved.clear();
    for (const name of ['local', 'durable', 'acked'] as const) byId(`tally-${name}`).textContent = String(this.#tally[name]);
  }

  #draw(row: Row): void {
    const state = slowest(row.writes);
    row.element.dataset.state = state;
    row.element.replaceChildren(
      make('span', { className: 'what', title: describe(row) }, describe(row)),
      make('span', { className: 'track', ariaHidden: 'true' }, make('i'), make('i'), make('i')),
      make('span', { className: 'state' }, stateText(row, state)),
    );
  }
}

function slowest(writes: Write[]): State {
  const order: State[] = ['rejected', 'local', 'durable'];
  return order.find((state) => writes.some((write) => write.state === state)) ?? 'acked';
}

function stateText(row: Row, state: State): string {
  if (state === 'rejected') return `${labels.rejected}: ${row.reason}`;
  return state === 'acked' ? `${labels.acked} · ${row.ackedMs - row.changedMs} ms` : labels[state];
}

function describe({ kind, inserted, deleted }: Row): string {
  if (!inserted && !deleted) return kind.startsWith('text of ') ? 'typed and took back' : kind;
  const parts: string[] = [];
  if (inserted) parts.push(`typed “${shortened(inserted.replaceAll('\n', '↵'))}”`);
  if (deleted) parts.push(`deleted ${deleted} ${deleted === 1 ? 'character' : 'characters'}`);
  return parts.join(', ');
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length > 28 ? `…${characters.slice(-27).join('')}` : text;
}
