import { app } from '@cria/vitest'

export default app({ name: 'generator', include: ['*.test.mjs'] })
