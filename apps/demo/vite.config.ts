import { defineConfig } from 'vite'

export default defineConfig({
  // Relative paths: the built folder works in any folder of a static host.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: { target: 'es2022', modulePreload: { polyfill: false }, reportCompressedSize: true },
})
