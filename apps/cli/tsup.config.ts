import { app } from '@cria/tsup'

export default app({ entry: ['src/main.ts'], platform: 'node' })
