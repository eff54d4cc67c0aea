// A database and its journal in the origin private file system, and this worker's turn at them.
//
// One worker of all tabs can have a file open to read and write it, so they take turns. The queue is a Web Lock: first come,
// first served, and the browser takes it from whoever dies. A turn ends when somebody waits and no transaction runs; a tab
// that is alone keeps its files open. They are open within a turn and at no other time, so SQLite never meets a busy file.

/** What SQLite's file system asks of a file; between turns, what it asks throws. */
export interface OpenFile {
  read(into: Uint8Array, where: { at: number }): number;
  write(bytes: Uint8Array, where: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
}

type AccessHandle = OpenFile & { close(): void };
type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<AccessHandle> };

/** How long others' turns may last; then whoever waits goes on without the device for now, and says so. */
const waitMs = 10_000;
/** A wish that was lost on its way is heard when it is said again. */
const wishMs = 200;
/** A turn with work for longer than this looks up between two transactions whether somebody waits. */
const lookUpMs = 30;
/** Who ended a moment ago may have lost its lock and not yet its files. */
const endingPauseMs = 10;

export class OpfsFiles {
  #open: AccessHandle[] = [];
  #endTurn: (() => void) | null = null;
  #lookedUpMs = 0;
  #isRunning = false;
  #isWanted = false;
  readonly #channel: BroadcastChannel;

  private constructor(private readonly name: string, private readonly handles: readonly FileHandle[]) {
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = () => {
      this.#isWanted = true;
      if (!this.#isRunning) this.#release();
    };
  }

  /** @param path  of the database; its folders are made */
  static async at(path: string): Promise<OpfsFiles> {
    const { pathname } = new URL(path, 'file://');
    const [name, ...folders] = pathname.split('/').filter((part) => part !== '').reverse();
    let folder = await navigator.storage.getDirectory();
    for (const each of folders.reverse()) folder = await folder.getDirectoryHandle(each, { create: true });
    const handles = await Promise.all([name, `${name}-journal`].map((each) => folder.getFileHandle(each, { create: true })));
    return new OpfsFiles(`headwater/opfs${pathname}`, handles as FileHandle[]);
  }

  /** Only within a turn. */
  get database(): OpenFile { return this.#open[0]; }
  get journal(): OpenFile { return this.#open[1]; }

  /** Runs `work` with the files open, one at a time. @throws what `work` throws, TimeoutError, or why the files do not open */
  async turn<T>(work: () => Promise<T>): Promise<T> {
    this.#isRunning = true;
    try {
      if (!this.#endTurn) await this.#acquire();
      return await work();
    } finally {
      await this.#lookUp();
      this.#isRunning = false;
      if (this.#isWanted) this.#release();
    }
  }

  /** Not within a turn. */
  close(): void {
    this.#release();
    this.#channel.close();
  }

  async #acquire(): Promise<void> {
    // Who wished before us waits before us.
    this.#isWanted = false;
    const wish = () => this.#channel.postMessage(null);
    const wishing = setInterval(wish, wishMs);
    wish();
    try {
      await new Promise<void>((resolve, reject) => {
        const granted = () => new Promise<void>((end) => { this.#endTurn = end; resolve(); });
        navigator.locks.request(this.name, { signal: AbortSignal.timeout(waitMs) }, granted).catch(reject);
      });
      this.#lookedUpMs = performance.now();
      await this.#openAll();
    } catch (error) {
      this.#release();
      throw error;
    } finally {
      clearInterval(wishing);
    }
  }

  async #openAll(): Promise<void> {
    for (const deadline = performance.now() + waitMs; ;) {
      const opened = await Promise.allSettled(this.handles.map((handle) => handle.createSyncAccessHandle()));
      this.#open = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      const failed = opened.find((each) => each.status === 'rejected');
      if (!failed) return;
      this.#closeAll();
      if (failed.reason?.name !== 'NoModificationAllowedError' || performance.now() > deadline) throw failed.reason;
      await new Promise((resolve) => setTimeout(resolve, endingPauseMs));
    }
  }

  /** Calls that wait are run without a break, and wishes are heard in breaks only. */
  async #lookUp(): Promise<void> {
    if (this.#isWanted || performance.now() - this.#lookedUpMs < lookUpMs) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#lookedUpMs = performance.now();
  }

  #release(): void {
    this.#closeAll();
    this.#endTurn?.();
    this.#endTurn = null;
  }

  #closeAll(): void {
    for (const handle of this.#open.splice(0)) handle.close();
  }
}
