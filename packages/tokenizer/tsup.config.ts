import { library } from '@cria/tsup'

// The trainer is a separate chunk, loaded when it is first called.
export default library()
