// So much a second, and so much at once: a bucket that fills at a steady rate up to its brim.

export class TokenBucket {
  private held: number;

  constructor(private readonly perSecond: number, private readonly brim: number, private filledMs: number) {
    this.held = brim;
  }

  /** How long until `amount` can be taken, in ms; more than the brim holds can be when it is full. */
  wait(amount: number, nowMs: number): number {
    this.fill(nowMs);
    const missing = Math.min(amount, this.brim) - this.held;
    return missing > 0 ? Math.ceil((missing / this.perSecond) * 1000) : 0;
  }

  take(amount: number): void {
    this.held -= Math.min(amount, this.brim);
  }

  /** A clock that was put back fills nothing, and costs nothing. */
  private fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.filledMs);
    this.held = Math.min(this.brim, this.held + (passedMs / 1000) * this.perSecond);
    this.filledMs = nowMs;
  }
}
