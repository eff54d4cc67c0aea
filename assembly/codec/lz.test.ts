// Packed text in snapshots: whatever the text, what comes back is the same, and the bytes shrink where they can.

import { describe, expect, it } from '@jest/globals';
import { checksum } from '../../sdk/core/codec.js';
import { EngineDocument, Kind } from '../../sdk/core/document.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';

const author = '00000000000000a1';

function snapshotOf(text: string): Uint8Array {
  const document = new EngineDocument(author);
  document.textInsert(document.container(['text'], Kind.Text), 0, text);
  const bytes = document.snapshot();
  document.free();
  return bytes;
}

function textOf(snapshot: Uint8Array): string {
  const document = new EngineDocument('00000000000000b2');
  document.apply(snapshot);
  const number = document.container(['text'], Kind.Text);
  const text = document.textRead(number, 0, document.textLength(number));
  document.free();
  return text;
}

const prose = 'It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness. ';

describe('packed text', () => {
  it.each([
    ['one character', 'x'],
    ['one byte below the limit for packing', 'y'.repeat(63)],
    ['a run that copies itself', 'a'.repeat(100_000)],
    ['prose, again and again', prose.repeat(500)],
    ['a book in another script', 'Съешь же ещё этих мягких французских булок, да выпей чаю. '.repeat(200)],
    ['pairs', '😀😃😄😁'.repeat(300)],
    ['more than fifteen literals before each copy', Array.from({ length: 400 }, (_, i) => `${i * 7919}${prose.slice(0, 40)}`).join('|')],
    ['a copy from more than 64 KB back', `${prose}${numbers(20_000)}${prose}`],
  ])('comes back: %s', (_, text) => {
    expect(textOf(snapshotOf(text)) === text).toBe(true);
  });

  it('comes back: random texts of every degree of repetition', () => {
    const random = new Random(seedFromEnv());
    for (let round = 0; round < 300; round++) {
      const letters = random.between(1, 40);
      const words = Array.from({ length: random.between(1, 60) }, () => wordOf(random, letters));
      const text = Array.from({ length: random.between(1, 400) }, () => random.pick(words)).join(random.pick(['', ' ', '\n', 'é']));
      expect(textOf(snapshotOf(text)) === text).toBe(true);
    }
  });

  it('packs what repeats and leaves the rest', () => {
    expect(snapshotOf(prose.repeat(1000)).length).toBeLessThan(400);
    expect(snapshotOf('zyxw'.repeat(4)).length).toBeLessThan(80);
  });

  it('refuses a packed text that reaches before its start, past its end, or stops early', () => {
    const good = snapshotOf(prose.repeat(20));
    const end = good.length;
    let refused = 0;
    for (let at = 60; at < end; at++) {
      for (const change of [1, 0x10, 0x80, 0xff]) {
        const bad = good.slice();
        bad[at] ^= change;
        if (isRefused(sealed(bad))) refused++;
      }
      expect(isRefused(sealed(shortened(good, at)))).toBe(true);
    }
    expect(refused).toBeGreaterThan(20);
  });
});

function numbers(count: number): string {
  return Array.from({ length: count }, (_, i) => ((i * 2654435761) >>> 0).toString(36)).join('');
}

function wordOf(random: Random, letters: number): string {
  return Array.from({ length: random.between(1, 12) }, () => String.fromCharCode(97 + random.between(0, letters - 1))).join('');
}

/** With its checksum put right, so that the change reaches the parser. Head 1 byte, then a length of two bytes. */
function sealed(snapshot: Uint8Array): Uint8Array {
  const body = snapshot.subarray(7);
  new DataView(snapshot.buffer, snapshot.byteOffset).setUint32(3, checksum(body), true);
  return snapshot;
}

/** One byte less, with the block's own length put right. */
function shortened(snapshot: Uint8Array, at: number): Uint8Array {
  const bytes = Uint8Array.from([...snapshot.subarray(0, at), ...snapshot.subarray(at + 1)]);
  const length = bytes.length - 3;
  bytes[1] = (length & 127) | 128;
  bytes[2] = length >>> 7;
  return bytes;
}

function isRefused(snapshot: Uint8Array): boolean {
  try {
    textOf(snapshot);
    return false;
  } catch (error) {
    expect((error as { code?: string }).code).toBe('invalid_update');
    return true;
  }
}
