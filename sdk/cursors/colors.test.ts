import { describe, expect, it } from '@jest/globals';
import { newReplicaId } from '../core/replica.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import { colorOf, colors, colorsOf, nameOf } from './colors.js';

/** WCAG 2's relative luminance. */
function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

/** Distance in OKLab, as it looks rather than as it is stored. */
function distance(a: string, b: string): number {
  const [x, y] = [oklab(a), oklab(b)];
  return Math.hypot(...x.map((part, i) => part - y[i]));
}

function oklab(color: string): number[] {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

describe('every colour', () => {
  it.each(colors)('%s is a ground for white letters, and a line on a light page and on a dark one', (color) => {
    expect(color).toMatch(/^#[0-9a-f]{6}$/);
    expect(contrast(color, '#ffffff')).toBeGreaterThanOrEqual(4.5);
    for (const page of ['#ffffff', '#f8fafb', '#1e1e1e', '#101a20', '#000000']) expect(contrast(color, page)).toBeGreaterThanOrEqual(3);
  });

  it('is told from every other', () => {
    const pairs = colors.flatMap((a, i) => colors.slice(i + 1).map((b) => distance(a, b)));
    expect(colors).toHaveLength(12);
    expect(Math.min(...pairs)).toBeGreaterThan(0.035);
    // The first six, which a designer would take for a small legend, are far apart.
    expect(Math.min(...colors.slice(0, 6).flatMap((a, i) => colors.slice(i + 1, 6).map((b) => distance(a, b))))).toBeGreaterThan(0.1);
  });
});

describe('colours and names of ids', () => {
  it('are these for ever: a person keeps theirs through an upgrade', () => {
    expect([colorOf('00112233445566aa'), colorOf('ada@example.com'), nameOf('00112233445566aa'), nameOf('')]).toEqual(['#a04ac2', '#036fd7', 'Gentle Teal', 'River Teal']);
  });

  it('are spread evenly, also over ids that differ in one digit', () => {
    for (const ids of [Array.from({ length: 6_000 }, () => newReplicaId()), Array.from({ length: 6_000 }, (_, i) => `user-${i}`)]) {
      const counts = colors.map((color) => ids.filter((id) => colorOf(id) === color).length);
      expect(Math.min(...counts)).toBeGreaterThan(380);
      expect(new Set(ids.map(nameOf)).size).toBe(256);
    }
  });

  it('are all different in a group of up to twelve, whoever asks, in whatever order', () => {
    const random = new Random(seedFromEnv());
    for (let size = 1; size <= 12; size++) {
      const ids = Array.from({ length: size }, () => `${random.int(2 ** 31)}`);
      const chosen = colorsOf(ids);
      expect(new Set(chosen.values()).size).toBe(new Set(ids).size);
      expect(colorsOf([...ids].reverse())).toEqual(chosen);
      for (const [id, color] of chosen) {
        const rivals = ids.filter((other) => other < id && colorOf(other) === colorOf(id));
        if (rivals.length === 0) expect(color).toBe(colorOf(id));
      }
    }
  });

  it('are shared evenly enough when there are more people than colours', () => {
    const chosen = colorsOf(Array.from({ length: 100 }, (_, i) => `user-${i}`));
    expect(chosen.size).toBe(100);
    expect(new Set(chosen.values()).size).toBe(12);
  });
});
