import { expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

it.each([['../cursors/index.js', 2], ['./index.js', 5]])('%s brings no engine and no client, in a few KB', async (path, kilobytes) => {
  const entry = fileURLToPath(new URL(path, import.meta.url));
  const { outputFiles, metafile } = await build({ entryPoints: [entry], bundle: true, minify: true, format: 'esm', metafile: true, write: false });
  expect(Object.keys(metafile.inputs).filter((file) => !/sdk\/(cursors|editors)\//.test(file))).toEqual([]);
  expect(gzipSync(outputFiles[0].contents).length).toBeLessThan(kilobytes * 1024);
});

it('can be imported where there is no DOM', async () => {
  expect(Object.keys(await import('./index.js')).sort()).toEqual(['CursorView', 'RemoteCursors', 'TextareaGeometry']);
});
