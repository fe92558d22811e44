import { fileURLToPath } from 'node:url'
import { defineConfig } from 'tsup'
import { licenses } from './licenses.mjs'

/** The one way that a package of this house is built: ESM and its types, from `src/index.ts` to `dist/`. */
export const library = ({ external = [], dts = {}, esbuildPlugins = [], ...options } = {}) =>
  defineConfig({
    entry: ['src/index.ts'],
    format: 'esm',
    target: ['es2022', 'node20.19'],
    platform: 'neutral',
    external: [/^node:/, ...external],
    esbuildPlugins: [...esbuildPlugins, licenses()],
    define: { 'Symbol.dispose': 'symbolDispose', 'Symbol.asyncDispose': 'symbolAsyncDispose' },
    inject: [fileURLToPath(new URL('./dispose-symbols.mjs', import.meta.url))],
    removeNodeProtocol: false, // a page's bundler tells Node's modules by it
    // Types of `using` are of no library that a page's project has by itself.
    dts: { banner: '/// <reference lib="esnext.disposable" />', ...dts },
    clean: true,
    sourcemap: true,
    treeshake: true,
    splitting: false,
    silent: true,
    ...options,
  })
