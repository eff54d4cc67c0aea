// The API as an OpenAPI document, made of the routes themselves.

import { routes, type Route } from './routes.js';

const error = {
  description: 'What is wrong, and what to do about it',
  content: { 'application/json': { schema: { type: 'object', required: ['code', 'message'], properties: { code: { type: 'string' }, message: { type: 'string' } } } } },
};

export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[pathOf(route)] ??= {})[route.method.toLowerCase()] = operationOf(route);
  for (const [path, about, type] of plain) paths[path] = { get: { summary: about, responses: { 200: { description: about, content: { [type]: {} } } } } };
  return {
    openapi: '3.1.0',
    info: { title: 'Headwater', version: '1', description: 'Documents, their history, and who may do what. A document that may not be read is not there.' },
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    security: [{ token: [] }, {}],
    paths,
  };
}

const plain = [
  ['/health', 'The process is alive', 'application/json'],
  ['/ready', 'New work is taken; 503 while it stops', 'application/json'],
  ['/metrics', 'What the server measures of itself, in OpenMetrics', 'application/openmetrics-text'],
  ['/v1/openapi.json', 'This document', 'application/json'],
] as const;

function pathOf({ path }: Route): string {
  return path.replace(/:(\w+)/g, '{$1}');
}

function operationOf({ path, about, query = {}, body, answers }: Route): object {
  const named = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const asked = Object.entries(query).map(([name, description]) => ({ name, in: 'query', description, schema: { type: 'string' } }));
  return {
    summary: about,
    parameters: [...named, ...asked],
    ...(body && { requestBody: { required: true, description: body[1], content: { [body[0]]: {} } } }),
    responses: { 200: { description: about, content: { [answers]: {} } }, default: error },
  };
}
