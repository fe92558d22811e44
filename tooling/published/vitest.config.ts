import { app } from '@cria/vitest'

export default app({ globalSetup: 'src/setup.ts' })
