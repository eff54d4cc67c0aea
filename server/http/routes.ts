// The routes of the API, each with what its OpenAPI document says of it.

import { dismiss, dropAccess, readAccess, writeAccess } from './access.js';
import type { Handler } from './asked.js';
import { deleteOne, exportOne, listDocuments, patchOne, pullOne, pushOne, readDocument, readHistory } from './documents.js';

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
type MediaType = 'application/json' | 'application/octet-stream';

export interface Route {
  method: Method;
  /** `:document` and `:user` name what a handler gets, in order. */
  path: string;
  about: string;
  /** What may stand behind the question mark. */
  query?: Readonly<Record<string, string>>;
  /** What is sent, and what it means. */
  body?: readonly [type: MediaType, about: string];
  answers: MediaType;
  handler: Handler;
}

const past = {
  lsn: 'as it was after this entry of its log',
  at: 'as it was at this time, like 2026-01-31T12:00:00Z',
};

export const routes: readonly Route[] = [
  {
    method: 'GET', path: '/v1/documents', about: 'The documents that may be read, by id', handler: listDocuments, answers: 'application/json',
    query: { after: 'only ids behind this one', limit: 'at most so many, 10,000 by default' },
  },
  {
    method: 'GET', path: '/v1/documents/:document', about: 'A document as plain data', handler: readDocument, answers: 'application/json', query: past,
  },
  {
    method: 'PATCH', path: '/v1/documents/:document', about: 'Changes a document by a JSON merge patch (RFC 7396), which becomes ops', handler: patchOne, answers: 'application/json',
    body: ['application/json', 'the fields to change; null deletes one. Of containers only the difference is written'],
  },
  {
    method: 'DELETE', path: '/v1/documents/:document', about: 'Empties a document for everybody', handler: deleteOne, answers: 'application/json',
  },
  {
    method: 'GET', path: '/v1/documents/:document/history', about: 'Who wrote what and when', handler: readHistory, answers: 'application/json',
    query: { after: 'only entries after this LSN', limit: 'at most so many, 100 by default, 1,000 at most' },
  },
  {
    method: 'GET', path: '/v1/documents/:document/export', about: 'A snapshot, for document.import', handler: exportOne, answers: 'application/octet-stream',
    query: { ...past, history: 'false leaves out what was deleted: smaller, to start from' },
  },
  {
    method: 'POST', path: '/v1/documents/:document/push', about: 'Writes batches, as document.export gives them; answered when they are committed', handler: pushOne, answers: 'application/json',
    body: ['application/octet-stream', 'batches, one after another'],
  },
  {
    method: 'GET', path: '/v1/documents/:document/pull', about: 'The log from a position, as frames of the protocol: subscribed, then snapshot or changes', handler: pullOne, answers: 'application/octet-stream',
    query: { lsn: 'what is held already', epoch: 'of which log; another one means from the start' },
  },
  { method: 'GET', path: '/v1/documents/:document/access', about: 'Who may do what in a document, as admins set it', handler: readAccess, answers: 'application/json' },
  {
    method: 'PUT', path: '/v1/documents/:document/access/:user', about: 'Sets a user\'s level in a document; * is everybody who is not named', handler: writeAccess, answers: 'application/json',
    body: ['application/json', '{ "level": "none" | "read" | "write" | "admin" }'],
  },
  { method: 'DELETE', path: '/v1/documents/:document/access/:user', about: 'Takes a user\'s level back to what the token says', handler: dropAccess, answers: 'application/json' },
  { method: 'POST', path: '/v1/users/:user/disconnect', about: 'Closes a user\'s connections', handler: (asked, user) => dismiss(asked, user, false), answers: 'application/json' },
  { method: 'POST', path: '/v1/users/:user/revoke', about: 'Makes a user\'s tokens of until now void, and closes its connections', handler: (asked, user) => dismiss(asked, user, true), answers: 'application/json' },
];
