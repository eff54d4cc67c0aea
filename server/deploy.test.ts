// What stands in deploy/ fits the server it starts: every setting is one it knows.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { configFromEnvironment, environmentName, parseConfig } from './config.js';

const folder = [1, 2, 3].map((up) => join(dirname(fileURLToPath(import.meta.url)), ...Array<string>(up).fill('..'), 'deploy')).find((path) => {
  try {
    return readdirSync(path).includes('Dockerfile');
  } catch {
    return false;
  }
})!;

describe('deploy/', () => {
  it.each(readdirSync(folder))('%s names only settings that there are', (file) => {
    const named = new Set(readFileSync(join(folder, file), 'utf8').match(/HEADWATER_[A-Z_]*[A-Z]/g) ?? []);
    const known = new Set(Object.keys(parseConfig({ webhook: [] })).concat('redis', 'jwks', 'jwtIssuer', 'jwtAudience', 'origins', 'webhookSecret', 'transport').map(environmentName));
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
  });

  it('sets what the server takes', () => {
    const compose = readFileSync(join(folder, 'compose.yaml'), 'utf8');
    const pairs = [...compose.matchAll(/^ +(HEADWATER_\w+): (.+)$/gm)].map(([, name, value]) => [name, value.replace(/\$\{[^}]*\}/g, 'x'.repeat(40)).replaceAll('"', '')]);
    expect(pairs.length).toBeGreaterThan(3);
    const { HEADWATER_ORIGINS: _, ...environment } = Object.fromEntries(pairs) as Record<string, string>;
    expect(parseConfig(configFromEnvironment(environment))).toMatchObject({ redis: 'redis://redis:6379', trustProxy: true });
  });
});
