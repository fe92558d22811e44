import { library } from '@cria/vitest'

export default library({ name: 'scripts', include: ['*.test.mjs'] })
