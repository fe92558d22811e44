import { library } from '@cria/tsup'

export default library({ entry: ['src/index.ts', 'src/node.ts'], external: [/^node:/] })
