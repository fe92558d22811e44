import { defineConfig } from 'vite'

/** With these a page may share memory between threads. A host that cannot send them gives the model one thread. */
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }

export default defineConfig({
  // Relative paths: the built folder works in any folder of a static host.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: { target: 'es2022', modulePreload: { polyfill: false } },
  server: { headers },
  preview: { headers },
})
