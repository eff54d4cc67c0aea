// Checks that bytes are a well-formed FlatBuffers table before anything reads them.
//
// The JavaScript reader trusts every offset it finds; in C++ a generated Verifier stands in front of it,
// here this does, walking the same rules over a description of the tables (generated/schema.ts).
//
//   byte 0      root                                    vtable: u16 length │ u16 table length │ u16 per field
//        │ u32 offset │ … │ i32 distance to vtable │ fields …
//
// Bounded: one look per field the schema knows, no allocation, and at most `tablesMax` tables, since
// offsets may share targets and a few bytes could otherwise stand for millions of nested tables.
// Source: the FlatBuffers binary format and its C++ verifier, re-stated from the format's description.

export type FieldSchema =
  | { readonly name: string; readonly kind: 'scalar'; readonly size: 1 | 2 | 4 | 8 }
  | { readonly name: string; readonly kind: 'string'; readonly required: boolean }
  | { readonly name: string; readonly kind: 'vector'; readonly size: number; readonly align: number; readonly required: boolean }
  | { readonly name: string; readonly kind: 'tables'; readonly table: TableSchema; readonly required: boolean };

export type TableSchema = readonly FieldSchema[];

const tablesMax = 4096;
const sizeOfOffset = 4;

/** What is wrong with `bytes` as one `table`, in words; null when nothing is. O(fields). */
export function verifyTable(bytes: Uint8Array, table: TableSchema): string | null {
  const check = new Check(bytes);
  const root = check.follow(0);
  if (root < 0) return 'the root offset points outside the payload';
  return check.table(root, table);
}

class Check {
  private readonly view: DataView;
  private readonly size: number;
  private tables = 0;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.size = bytes.byteLength;
  }

  /** Where the u32 offset stored at `at` points: a 4-byte word inside the payload; -1 when it does not. */
  follow(at: number): number {
    if (!this.holds(at, sizeOfOffset, sizeOfOffset)) return -1;
    const distance = this.view.getUint32(at, true);
    const target = at + distance;
    return distance > 0 && this.holds(target, sizeOfOffset, sizeOfOffset) ? target : -1;
  }

  table(at: number, schema: TableSchema): string | null {
    if (++this.tables > tablesMax) return `more than ${tablesMax} tables`;
    const vtable = at - this.view.getInt32(at, true);
    if (!this.holds(vtable, 4, 2)) return 'a vtable lies outside the payload';
    const vtableBytes = this.view.getUint16(vtable, true);
    const tableBytes = this.view.getUint16(vtable + 2, true);
    if (vtableBytes < 4 || vtableBytes % 2 !== 0 || !this.holds(vtable, vtableBytes, 2)) return 'a vtable has an impossible length';
    if (tableBytes < sizeOfOffset || !this.holds(at, tableBytes, 1)) return 'a table has an impossible length';
    for (let i = 0; i < schema.length; i++) {
      const slot = 4 + 2 * i;
      // A slot past the end of the vtable, or 0, is a field its writer did not set.
      const offset = slot < vtableBytes ? this.view.getUint16(vtable + slot, true) : 0;
      const wrong = this.field(at, offset, tableBytes, schema[i]);
      if (wrong) return `${schema[i].name}: ${wrong}`;
    }
    return null;
  }

  private field(table: number, offset: number, tableBytes: number, field: FieldSchema): string | null {
    if (offset === 0) return field.kind !== 'scalar' && field.required ? 'missing' : null;
    const inline = field.kind === 'scalar' ? field.size : sizeOfOffset;
    if (offset < sizeOfOffset || offset + inline > tableBytes) return 'lies outside its table';
    if (field.kind === 'scalar') return this.holds(table + offset, inline, inline) ? null : 'is not aligned';
    const vector = this.follow(table + offset);
    if (vector < 0) return 'points outside the payload';
    if (field.kind === 'string') return this.string(vector);
    if (field.kind === 'vector') return this.vector(vector, field.size, field.align);
    return this.vector(vector, sizeOfOffset, sizeOfOffset) ?? this.elements(vector, field.table);
  }

  private vector(at: number, elementBytes: number, align: number): string | null {
    const count = this.view.getUint32(at, true);
    // Divided, not multiplied: count * elementBytes could leave the safe integers' range of meaning.
    if (count > (this.size - at - sizeOfOffset) / elementBytes) return 'is longer than the payload';
    return count === 0 || (at + sizeOfOffset) % align === 0 ? null : 'is not aligned';
  }

  private string(at: number): string | null {
    const wrong = this.vector(at, 1, 1);
    if (wrong) return wrong;
    const end = at + sizeOfOffset + this.view.getUint32(at, true);
    return end < this.size && this.view.getUint8(end) === 0 ? null : 'does not end in a zero byte';
  }

  private elements(vector: number, schema: TableSchema): string | null {
    const count = this.view.getUint32(vector, true);
    for (let i = 0; i < count; i++) {
      const table = this.follow(vector + sizeOfOffset + sizeOfOffset * i);
      const wrong = table < 0 ? 'points outside the payload' : this.table(table, schema);
      if (wrong) return `[${i}] ${wrong}`;
    }
    return null;
  }

  /** Whether `length` bytes at `at` are inside the payload, and `at` a multiple of `align`. */
  private holds(at: number, length: number, align: number): boolean {
    return at >= 0 && at + length <= this.size && at % align === 0;
  }
}
