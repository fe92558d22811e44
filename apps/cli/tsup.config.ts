import { library } from '@cria/tsup'

export default library({ entry: ['src/main.ts'], platform: 'node', dts: false })
