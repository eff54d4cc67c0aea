// Values with bytes in them, as text: what a test and its page can say to each other.

export function toText(value: unknown): string {
  return JSON.stringify(value, (_, each) => (each instanceof Uint8Array ? { base64: base64Of(each) } : each === undefined ? null : each));
}

export function fromText(text: string): unknown {
  return JSON.parse(text, (_, each) => (typeof each?.base64 === 'string' ? Uint8Array.from(atob(each.base64), (character) => character.charCodeAt(0)) : each));
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
