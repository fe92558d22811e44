// With these two headers a page may share memory between threads, and the model uses all cores.
// Send them from your own server too.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** @type {import('vite').UserConfig} */
export default {
  server: { headers },
  preview: { headers },
  worker: { format: 'es' },
  // Vite's development server must leave the package as it is: its worker is a file of its own.
  optimizeDeps: { exclude: ['cria'] },
}
