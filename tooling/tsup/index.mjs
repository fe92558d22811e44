import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'tsup'
import { licenses } from './licenses.mjs'

/** Entries by name: `src/weights/bundled.ts` is `weights/bundled`. */
const named = entry =>
  Array.isArray(entry) ? Object.fromEntries(entry.map(file => [file.replace(/^src\/|\.ts$/g, ''), file])) : entry

/**
 * Entries a second time: code that several entries share lands in a chunk, so `index.js` only exports from chunks, and error
 * classes have their own chunk. A bundler drops a file of which nothing is used, but it keeps the statements that may have
 * effects in a file of which something is: beside other code, an error class would load that code.
 */
const shared = () => ({
  'shared/index': 'src/index.ts',
  ...(existsSync('src/errors.ts') && { 'shared/errors': 'src/errors.ts' }),
})

/** Leaves out the files of `shared`, which export from the same chunks. */
const withoutShared = {
  name: 'without-shared',
  setup(build) {
    build.onEnd(({ outputFiles = [] }) => {
      const kept = outputFiles.filter(({ path }) => !/[\\/]shared[\\/](index|errors)\.js(\.map)?$/.test(path))
      outputFiles.splice(0, outputFiles.length, ...kept)
    })
  },
}

/** How every package is built: ESM and its types, from `src/index.ts` to `dist/`. */
export const library = ({ entry = ['src/index.ts'], dts = {}, esbuildPlugins = [], ...options } = {}) =>
  esm({
    entry: { ...named(entry), ...shared() },
    splitting: true,
    // The types of `using` are in a library that a page's project may not include.
    dts: { entry, banner: '/// <reference lib="esnext.disposable" />', ...dts },
    esbuildPlugins: [...esbuildPlugins, withoutShared],
    ...options,
  })

/** The way that an app is built: a program, which nothing imports. */
export const app = options => esm({ dts: false, splitting: false, ...options })

const esm = ({ external = [], esbuildPlugins = [], ...options }) =>
  defineConfig({
    format: 'esm',
    target: ['es2022', 'node20.19'],
    platform: 'neutral',
    external: [/^node:/, ...external],
    esbuildPlugins: [...esbuildPlugins, licenses()],
    define: { 'Symbol.dispose': 'symbolDispose', 'Symbol.asyncDispose': 'symbolAsyncDispose' },
    inject: [fileURLToPath(new URL('./dispose-symbols.mjs', import.meta.url))],
    removeNodeProtocol: false, // the prefix `node:` tells a page's bundler which modules are Node's
    clean: true,
    sourcemap: true,
    treeshake: true,
    silent: true,
    ...options,
  })
