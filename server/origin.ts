// From where a server may be talked to.
//
// Without accounts: by programs and pages of this machine. With accounts: from anywhere by programs, which bring their token;
// by pages of this machine, of the server's own host, or of the list that replaces those.
//
// Any web page may open a WebSocket to localhost; only the Origin header tells it from our own console. And a
// foreign name may be made to resolve to 127.0.0.1 (DNS rebinding), which shows in the Host header.

import type { RequestHead } from './transport/transport.js';

export interface OriginRule {
  hasAccounts: boolean;
  /** Origins of pages that may use the server, as `https://app.example`; `*` is all. Null: those near it. */
  allowed: readonly string[] | null;
}

/** Why the request is refused, or null when it is welcome. */
export function refusalOf({ host, origin }: Pick<RequestHead, 'host' | 'origin'>, { hasAccounts, allowed }: OriginRule): string | null {
  if (!hasAccounts && !isLoopbackName(hostnameOf(`http://${host}`))) {
    return 'this server has no accounts and answers to localhost only';
  }
  // No Origin: not a browser's page, hence nobody's pawn.
  if (origin === '') return null;
  const isWelcome = allowed === null ? isNear(origin, host, hasAccounts) : allowed.includes('*') || allowed.includes(origin);
  return isWelcome ? null : 'pages of other sites may not use this server';
}

/** Of this machine, or served under the name the server is called by: which says something only where names prove nothing. */
function isNear(origin: string, host: string, hasAccounts: boolean): boolean {
  return isLoopbackName(hostnameOf(origin)) || (hasAccounts && host !== '' && origin === originOf(host, origin));
}

function originOf(host: string, like: string): string {
  return `${like.startsWith('https:') ? 'https' : 'http'}://${host.toLowerCase()}`;
}

/** An origin as browsers write it. @throws when it is none */
export function normalOrigin(text: string): string {
  if (text === '*') return text;
  const { origin, pathname, search, hash } = new URL(text);
  if (origin === 'null' || pathname !== '/' || search !== '' || hash !== '') throw new Error('not an origin');
  return origin;
}

export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || name === '::1' || isLoopbackV4(name);
}

/** The peer's address as a socket gives it, in any of its spellings. */
export function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  return isLoopbackV4(plain) || plain === '::1' || /^(0{1,4}:){7}0{0,3}1$/.test(plain)
    || /^(0{4}:){5}ffff:7f[0-9a-f]{2}:[0-9a-f]{4}$/i.test(plain) || plain === 'in-process';
}

function isLoopbackV4(name: string): boolean {
  return /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.test(name);
}

/** '' for what is not a URL, such as the Origin `null` of a sandboxed page. */
function hostnameOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch {
    return '';
  }
}
