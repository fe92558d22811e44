import { library } from '@cria/vitest'

// Memory is measured when no garbage is left.
export default library({ execArgv: ['--expose-gc'] })
