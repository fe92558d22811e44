import { library } from '@cria/vitest'

export default library()
