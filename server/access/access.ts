// Who comes in, and what they may do with a document.
//
//   a token, or the app's `authenticate`  →  an identity: user, levels by pattern, when it ends
//   identity + the document's ACL + the app's `authorize`  →  a level
//
// The ACL's entry for the user decides, else its entry for `*`, else the token. But who is admin by token stays admin: an
// ACL by which nobody is admin any more must not be for ever. What admins decide reaches every node through the store:
// each asks for its number every `accessPollMs`, and when that has grown forgets what it knew.

import { asHeadwaterError, HeadwaterError } from '../../sdk/core/errors.js';
import type { AccessRecords, Acl, Dismissal } from '../store/store.js';
import { everybody, identityOf, type Identity, type Visitor } from './identity.js';
import type { Level } from './level.js';
import type { TokenVerifier } from './tokens.js';

export interface AccessHooks {
  /**
   * Says who somebody is, instead of the server's own check of tokens. Null lets nobody in; a throw means that it cannot
   * be said now. `token` is null where none was sent.
   */
  authenticate?(request: { token: string | null; address: string }): Promise<Visitor | null> | Visitor | null;
  /** Has the last word on a level. Asked again every `authorizeMs` while somebody uses the document. */
  authorize?(request: {
    user: string; claims: Readonly<Record<string, unknown>>; document: string; level: Level;
  }): Promise<Level> | Level;
}

export interface AccessParts {
  records: AccessRecords;
  verifier: TokenVerifier | null;
  hooks: AccessHooks;
  now(): number;
}

/** Documents and users whose entries are kept between two decisions of admins. */
const keptMax = 10_000;

export class Access {
  /** Counts decisions heard of: what was asked before one is asked again. */
  private generation = 0;
  private version = -1;
  private readonly acls = new Kept((document: string) => this.parts.records.readAcl(document));
  private readonly dismissals = new Kept((user: string) => this.parts.records.dismissalOf(user));

  /** @param changed  called whenever what was said of anybody may no longer hold */
  constructor(private readonly parts: AccessParts, private readonly changed: () => void) {}

  /** The app's own rule may change its mind without anybody saying so. */
  get isAskedAgain(): boolean {
    return this.parts.hooks.authorize !== undefined;
  }

  /** @throws HeadwaterError `not_authorized`, or `unavailable` when it cannot be said now */
  async authenticate(token: string | null, address: string): Promise<Identity> {
    const { hooks } = this.parts;
    const identity = hooks.authenticate ? await this.askApp(token, address) : await this.readToken(token);
    const { tokensBeforeMs } = await this.dismissalOf(identity.user);
    if (identity.issuedMs < tokensBeforeMs) throw refusal('it was revoked');
    return identity;
  }

  /** @throws HeadwaterError `unavailable` when it cannot be said now */
  async levelOf(identity: Identity, document: string): Promise<Level> {
    for (;;) {
      const { generation } = this;
      const level = await this.askForLevel(identity, document).catch((cause) => { throw unsaid(cause); });
      if (generation === this.generation) return level;
    }
  }

  dismissalOf(user: string): Promise<Dismissal> {
    return this.dismissals.get(user);
  }

  readAcl(document: string): Promise<Acl> {
    return this.acls.get(document);
  }

  async writeAcl(document: string, user: string, level: Level | null): Promise<void> {
    await this.parts.records.writeAcl(document, user, level);
    this.forget();
  }

  /** Closes what is open of a user; with `isRevoked` the tokens it has are good no longer. */
  async dismiss(user: string, isRevoked: boolean): Promise<void> {
    const nowMs = this.parts.now();
    await this.parts.records.dismiss(user, { tokensBeforeMs: isRevoked ? nowMs : 0, socketsBeforeMs: nowMs });
    this.forget();
  }

  /** Looks whether another node has decided something. */
  async poll(): Promise<void> {
    const version = await this.parts.records.accessVersion();
    if (version === this.version) return;
    this.version = version;
    this.forget();
  }

  private forget(): void {
    this.generation += 1;
    this.acls.clear();
    this.dismissals.clear();
    this.changed();
  }

  private async askApp(token: string | null, address: string): Promise<Identity> {
    let visitor: Visitor | null;
    try {
      visitor = await this.parts.hooks.authenticate!({ token, address });
    } catch (cause) {
      throw unsaid(cause);
    }
    if (visitor === null) throw refusal('the app lets nobody in by it');
    const identity = identityOf(visitor);
    if (identity.expiresMs <= this.parts.now()) throw refusal('it has expired');
    return identity;
  }

  private readToken(token: string | null): Promise<Identity> {
    if (token === null || token === '') throw refusal('there is none');
    return this.parts.verifier!.verify(token, this.parts.now());
  }

  private async askForLevel(identity: Identity, document: string): Promise<Level> {
    const { user, claims } = identity;
    const level = ruledLevel(identity, document, await this.acls.get(document));
    return this.parts.hooks.authorize?.({ user, claims, document, level }) ?? level;
  }
}

function ruledLevel({ user, permissions }: Identity, document: string, acl: Acl): Level {
  const level = permissions.levelOf(document);
  return level === 'admin' ? level : acl.get(user) ?? acl.get(everybody) ?? level;
}

/** Answers that hold until they are cleared. Those asked for at the same time share one question. */
class Kept<Value> {
  private readonly values = new Map<string, Promise<Value>>();

  constructor(private readonly ask: (key: string) => Promise<Value>) {}

  get(key: string): Promise<Value> {
    const kept = this.values.get(key);
    if (kept !== undefined) return kept;
    if (this.values.size >= keptMax) this.values.delete(this.values.keys().next().value!);
    const value = this.ask(key);
    this.values.set(key, value);
    value.catch(() => { if (this.values.get(key) === value) this.values.delete(key); });
    return value;
  }

  clear(): void {
    this.values.clear();
  }
}

function refusal(reason: string): HeadwaterError {
  return new HeadwaterError('not_authorized', `the token is not good: ${reason}`);
}

/** Nobody is turned away for good because we could not ask. */
function unsaid(cause: unknown): HeadwaterError {
  const { message } = asHeadwaterError(cause);
  return new HeadwaterError('unavailable', `whether this is allowed cannot be said now: ${message}`);
}
