import { library } from '@cria/tsup'

export default library({ platform: 'node' })
