import { library } from '@cria/tsup'
import { compile } from './compile.mjs'

await compile()

export default library()
