import { library } from '@cria/tsup'

export default library({
  entry: ['src/index.ts', 'src/experiments.ts', 'src/node.ts'],
  external: [/^node:/],
})
