import { library } from '@cria/tsup'

// The trainer is a part of its own, loaded when it is first called.
export default library()
