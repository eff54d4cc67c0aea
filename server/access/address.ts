// Where a connection comes from, as far as it is counted: an IPv4 address, or the network of an IPv6 one.
//
// One household has a whole /64 of IPv6 addresses, so that is what is counted as one. Behind a proxy everybody comes from
// the proxy; what it says of the client is believed only where the server was told that there is one.

import { isIPv4, isIPv6 } from 'node:net';
import { isLoopbackAddress } from '../origin.js';
import type { RequestHead } from '../transport/transport.js';

/** @returns '' for what is not counted: this machine itself, unless a proxy says for whom it speaks */
export function addressOf({ remoteAddress, forwardedFor }: Pick<RequestHead, 'remoteAddress' | 'forwardedFor'>, hasProxy: boolean): string {
  const forwarded = hasProxy ? forwardedFor.split(',').at(-1)!.trim() : '';
  if (forwarded !== '') return networkOf(forwarded);
  return isLoopbackAddress(remoteAddress) ? '' : networkOf(remoteAddress);
}

export function networkOf(address: string): string {
  const [plain] = address.split('%');
  if (isIPv4(plain) || !isIPv6(plain)) return plain;
  const groups = groupsOf(plain);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return [groups[6] >> 8, groups[6] & 255, groups[7] >> 8, groups[7] & 255].join('.');
  return `${groups.slice(0, 4).map((group) => group.toString(16)).join(':')}::/64`;
}

/** The eight numbers of a well-formed address. */
function groupsOf(address: string): number[] {
  const [head, tail] = withoutDots(address).split('::').map((half) => half.split(':').filter((group) => group !== '').map((group) => parseInt(group, 16)));
  return tail === undefined ? head : [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** `::ffff:1.2.3.4` with its last 32 bits as two groups. */
function withoutDots(address: string): string {
  return address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a, b, c, d] = bytes.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
}
