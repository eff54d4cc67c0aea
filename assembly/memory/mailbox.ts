// The mailbox: how bytes cross the boundary. JS writes into the inbox before a call and reads the outbox
// after it; both are views that the next call may invalidate. Numbers cross as arguments and results; the few that
// are more than one result lie in the mail cell, whose address never changes, so that reading them is no call.

import { Mail } from "../abi";
import { Arena } from "./arena";
import { arenaRegrow } from "./arena";
import { blockCapacity } from "./blocks";
import { Writer } from "./bytes";

const mailArena: Arena = changetype<Arena>(memory.data(64, 16));
const outWriter: Writer = changetype<Writer>(memory.data(16, 16));
/** One u32 for each name in Mail (abi.ts). */
export const mailCell: usize = memory.data(24, 8);
let inbox: usize = 0;

/** Where JS may write `bytes` bytes for the next call. */
export function reserveInbox(bytes: usize): usize {
  if (inbox == 0 || blockCapacity(inbox) < bytes) {
    inbox = arenaRegrow(mailArena, inbox, 0, max<usize>(bytes, 4080));
  }
  return inbox;
}

export function inboxStart(): usize { return inbox; }

/** An empty writer whose bytes become the outbox with `sendWriter`. */
export function outboxWriter(): Writer {
  outWriter.arena = mailArena;
  outWriter.length = 0;
  return outWriter;
}

export function sendWriter(): void { sendView(outWriter.start, outWriter.length); }

/** Makes bytes that already lie in memory the outbox, without copying them. */
export function sendView(at: usize, bytes: usize): void {
  setMail(Mail.OutboxAt, <u32>at);
  setMail(Mail.OutboxBytes, <u32>bytes);
}

// @ts-ignore: decorator
@inline export function setMail(name: Mail, value: u32): void { store<u32>(mailCell + ((<usize>name) << 2), value); }
