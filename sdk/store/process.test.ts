import { spawn } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';

// Whole processes: one must end by itself when its clients are closed, and no promise may reject unheard.

const index = new URL('../index.js', import.meta.url).href;

function run(script: string): Promise<{ code: number | null; output: string; ms: number }> {
  const started = performance.now();
  const source = `import { open, loopback } from ${JSON.stringify(index)};\n${script}\nglobalThis.doneMs = performance.now();`;
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', source], { timeout: 15_000 });
  let output = '';
  child.stdout.on('data', (data) => { output += String(data); });
  child.stderr.on('data', (data) => { output += String(data); });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, output, ms: performance.now() - started }));
  });
}

describe('a process', () => {
  it('ends when its client is closed, whatever it was doing', async () => {
    const { code, output } = await run(`
      const client = await open({ server: 'ws://127.0.0.1:1', WebSocket: class { constructor() { setTimeout(() => this.onclose?.({ code: 1006, reason: '' }), 5); } close() {} send() {} } });
      client.document('d').set('a', 1);
      client.presence('d').set('here');
      const write = client.document('d').set('a', 2);
      write.acked; write.durable;
      client.status.subscribe(() => {});
      await new Promise((resolve) => setTimeout(resolve, 100));
      await client.close();
      const at = performance.now();
      process.on('exit', () => console.log('ended in time', performance.now() - at < 5_000));
    `);
    expect(output).toBe('ended in time true\n');
    expect(code).toBe(0);
  });

  it('hears of no rejection that nobody listens to', async () => {
    const { code, output } = await run(`
      const storage = { kind: 'memory' };
      for (const call of ['documents', 'load', 'append', 'compact', 'remove', 'readMeta', 'writeMeta', 'metaKeys', 'quarantine']) storage[call] = () => Promise.reject(new Error('no disk'));
      storage.close = async () => {};
      const client = await open({ storage, server: loopback().transport });
      const write = client.document('d').set('a', 1);
      void write.acked; void write.durable;
      await client.document('d').ready;
      client.document('d').close();
      client.counter('e').increment();
      await new Promise((resolve) => setTimeout(resolve, 50));
      await client.close();
      console.log(client.status.get().storage, write.state);
    `);
    expect([output, code]).toEqual(['degraded local\n', 0]);
  });

  it('hears of a listener that throws, and the listeners after it hear of the edit', async () => {
    const { code, output } = await run(`
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      const client = await open();
      const document = client.document('d');
      document.subscribe(() => { throw new Error('a listener'); });
      document.subscribe(() => console.log('called'));
      document.set('a', 1);
      console.log('set', document.get().a);
      await client.close();
    `);
    expect([output, code]).toEqual(['called\nset 1\nuncaught a listener\n', 0]);
  });

  it('opens 10,000 documents, writes 26,000 times with its acks awaited, and frees what it opened', async () => {
    const { code, output } = await run(`
      const client = await open();
      const started = performance.now();
      for (let i = 0; i < 10_000; i++) client.document('d' + i).set('n', i);
      await client.flushed();
      const opened = performance.now() - started;
      for (let i = 0; i < 10_000; i++) client.document('d' + i).close();
      await client.close();
      console.log(opened < 30_000);
    `);
    expect([output, code]).toEqual(['true\n', 0]);
  });
});
