// How far a run is: one bar that redraws itself on a terminal, a line every few seconds anywhere else.

export class Progress {
  readonly #startedMs = Date.now();
  #shownMs = 0;

  constructor(readonly total: number, readonly out: NodeJS.WriteStream = process.stderr) {}

  show(done: number, note: string): void {
    const everyMs = this.out.isTTY ? 100 : 3_000;
    if (Date.now() - this.#shownMs < everyMs) return;
    this.#shownMs = Date.now();
    const line = `${this.#line(done)}  ${note}`;
    this.out.write(this.out.isTTY ? `\r\x1b[2K${bar(done / this.total)} ${line}` : `${line}\n`);
  }

  end(): void {
    if (this.out.isTTY) this.out.write('\r\x1b[2K');
  }

  #line(done: number): string {
    const passedMs = Date.now() - this.#startedMs;
    const left = done > 0 ? `about ${seconds((passedMs / done) * (this.total - done))} left` : '';
    return `${Math.floor((done / this.total) * 100)} %  ${done.toLocaleString('en')} of ${this.total.toLocaleString('en')} acked  ${left}`;
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function bar(share: number): string {
  const width = 24;
  const full = Math.round(share * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}
