import { library } from '@cria/vitest'

// Memory is measured after garbage collection.
export default library({ execArgv: ['--expose-gc'] })
