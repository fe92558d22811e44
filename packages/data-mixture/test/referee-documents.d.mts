import type { DocumentTokenizer } from '../src'

export const byteTokenizer: (offset?: number) => DocumentTokenizer
export const documents: (name: string) => string[]
export const rowTokens: number
export const mixtureSeed: number
export const rows: number
export const rowsPerFile: number
