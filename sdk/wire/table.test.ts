import { describe, expect, it } from '@jest/globals';
import { readTable, type Field } from './table.js';

const number: Field[] = [['nonce', 'u32']];
const text: Field[] = [['text', 'text']];
const acks: Field[] = [['entries', 'acks']];

// root │ padding, vtable (6 long, table 8 long, field at 4) │ distance to the vtable │ the field
const withNumber = [12, 0, 0, 0, 0, 0, 6, 0, 8, 0, 4, 0, 6, 0, 0, 0, 1, 0, 0, 0];
const withText = [12, 0, 0, 0, 0, 0, 6, 0, 8, 0, 4, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 0x68, 0x69, 0, 0];

describe('the reader', () => {
  it('passes a table as a writer makes it', () => {
    expect(verify(withNumber, number)).toBeNull();
    expect(verify(withText, text)).toBeNull();
  });

  it('passes fields it does not know, and fields that are not there', () => {
    expect(verify(withNumber, [])).toBeNull();
    expect(verify(withNumber, [...number, ['later', 'u64'], ['maybe', 'text', 0, 9, 'optional']])).toBeNull();
  });

  it('misses a required field', () => {
    expect(verify(withText, [...text, ['more', 'text']])).toContain('more is missing');
    expect(verify(changed(withText, 10, 0), text)).toContain('text is missing');
  });

  it.each([
    ['a payload without room for a root', withNumber.slice(0, 3), 'the root'],
    ['a root past the end', changed(withNumber, 0, 20), 'the root'],
    ['a root that is not aligned', changed(withNumber, 0, 13), 'the root'],
    ['a root of zero', changed(withNumber, 0, 0), 'the root'],
    ['a vtable before the payload', changed(withNumber, 12, 14), 'the vtable'],
    ['a vtable past the end', changed(withNumber, 12, 0xf0, 0xff, 0xff, 0xff), 'the vtable'],
    ['a vtable at an odd place', changed(withNumber, 12, 5), 'the vtable'],
    ['a vtable of odd length', changed(withNumber, 6, 7), 'the vtable'],
    ['a vtable of length 2', changed(withNumber, 6, 2), 'the table'],
    ['a vtable longer than the payload', changed(withNumber, 6, 0x00, 0x01), 'the vtable'],
    ['a table longer than the payload', changed(withNumber, 8, 9), 'the table'],
    ['a table shorter than its own head', changed(withNumber, 8, 3), 'the table'],
    ['a field outside its table', changed(withNumber, 10, 5), 'nonce'],
    ['a field behind its table, in the payload', [...changed(withNumber, 10, 8), 0, 0, 0, 0], 'nonce'],
    ['a field in the head of its table', changed(withNumber, 10, 2), 'nonce'],
  ])('refuses %s', (_, bytes, reason) => {
    expect(verify(bytes, number)).toContain(`${reason} is not where it should be`);
  });

  it.each([
    ['an offset past the end', changed(withText, 16, 12), 'text'],
    ['an offset of zero', changed(withText, 16, 0), 'text'],
    ['an offset that is negative as a signed number', changed(withText, 16, 0xfc, 0xff, 0xff, 0xff), 'text'],
    ['an offset that is not aligned', changed(withText, 16, 5), 'text'],
    ['a length past the end', changed(withText, 20, 5), 'text'],
    ['a length of 2^32 - 1', changed(withText, 20, 0xff, 0xff, 0xff, 0xff), 'text'],
    ['a string without its zero', changed(withText, 26, 1), 'text'],
    ['a string that ends with the payload', changed(withText, 20, 4), 'text'],
  ])('refuses %s', (_, bytes, reason) => {
    expect(verify(bytes, text)).toContain(`${reason} is not where it should be`);
  });

  it('wants the elements of a vector inside and aligned', () => {
    // The vector's count is at 20 and its first element at 24; 16 more bytes hold one element.
    const head = [12, 0, 0, 0, 0, 0, 6, 0, 8, 0, 4, 0, 6, 0, 0, 0, 4, 0, 0, 0];
    const one = [...head, 1, 0, 0, 0, ...new Array(16).fill(1, 0, 9).fill(0, 9)];
    expect(verify(one, acks)).toBeNull();
    expect(verify(changed(one, 20, 2), acks)).toContain('entries is not where');
    expect(verify(changed(one, 20, 0, 0, 0, 0x10), acks)).toContain('entries is not where');
    const shifted = [...changed(head, 16, 8), 0, 0, 0, 0, 1, 0, 0, 0, ...new Array(16).fill(1, 0, 9).fill(0, 9)];
    expect(verify(shifted, acks)).toContain('entries is not where');
  });

  it('refuses a short field in the head of its table', () => {
    expect(verify(changed(withNumber, 10, 4), [['protocol', 'u16']])).toBeNull();
    expect(verify(changed(withNumber, 10, 2), [['protocol', 'u16']])).toContain('protocol is not where');
  });

  it('takes no replica that is zero', () => {
    const table = [12, 0, 0, 0, 8, 0, 12, 0, 4, 0, 0, 0, 8, 0, 0, 0, ...new Array(8).fill(0)];
    expect(verify(table, [['replica', 'replica']])).toContain('replica is missing');
    expect(verify(changed(table, 16, 1), [['replica', 'replica']])).toBeNull();
  });
});

/** What is wrong with the bytes; null when nothing is. */
function verify(bytes: number[], fields: Field[]): string | null {
  // At an odd place, since a payload stands 13 bytes into its frame.
  const shifted = new Uint8Array(bytes.length + 26).fill(0xee);
  shifted.set(bytes, 13);
  try {
    readTable(fields, shifted.subarray(13, 13 + bytes.length));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function changed(bytes: number[], at: number, ...values: number[]): number[] {
  const copy = [...bytes];
  copy.splice(at, values.length, ...values);
  return copy;
}
