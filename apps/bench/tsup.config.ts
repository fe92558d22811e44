import { app } from '@cria/tsup'
import { compile } from './compile.mjs'

await compile()

/** Chunks are shared and loaded where they are used, so that a child process or page loads its own job alone. */
const common = { splitting: true }

export default [
  app({
    ...common,
    platform: 'node',
    entry: { main: 'src/main.ts', child: 'src/hosts/child.ts', 'ceilings-worker': 'src/jobs/ceilings-worker.ts' },
    clean: ['!pages/**'],
  }),
  // What pages load has its packages inside.
  app({
    ...common,
    platform: 'browser',
    target: 'es2022',
    entry: ['src/pages/*.ts'],
    outDir: 'dist/pages',
    noExternal: [/.*/],
    external: [/^node:/],
  }),
]
