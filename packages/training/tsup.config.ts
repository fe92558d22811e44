import { library } from '@cria/tsup'

// Entries over shared chunks, so that an error class is the same class in all.
export default library({
  entry: ['src/index.ts', 'src/experiments.ts', 'src/node.ts'],
  splitting: true,
  external: [/^node:/],
})
