// A running FNV-1a over what happens: two runs that differ anywhere end in different numbers.

const view = new DataView(new ArrayBuffer(8));

export class Hash {
  #value = 0x811c9dc5;

  byte(byte: number): void { this.#value = Math.imul(this.#value ^ byte, 0x01000193); }

  number(value: number): void {
    view.setFloat64(0, value);
    for (let i = 0; i < 8; i++) this.byte(view.getUint8(i));
  }

  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i) & 0xff);
    this.byte(0xff);
  }

  bytes(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) this.byte(bytes[i]);
  }

  get hex(): string { return (this.#value >>> 0).toString(16).padStart(8, '0'); }
}
