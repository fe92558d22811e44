import { library } from '@cria/tsup'

export default library()
