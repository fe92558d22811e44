import { library } from '@cria/tsup'

// Two entries over shared chunks, so that an error class is the same class in both.
export default library({ entry: ['src/index.ts', 'src/node.ts'], splitting: true, external: [/^node:/] })
