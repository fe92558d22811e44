import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A file of the trained model stories260K, which is next to the repository. */
export const stories = (name: string): string =>
  fileURLToPath(new URL(`../../../../shared/data/stories260K/${name}`, import.meta.url))

export const hasStories = existsSync(stories('golden.json'))

/** What llama2.c writes. */
export interface GoldenCase {
  readonly prompt: string
  readonly prompt_ids: readonly number[]
  readonly temperature: number
  /** Positions, those of the prompt among them. */
  readonly steps: number
  /** The prompt, and what follows it. */
  readonly text: string
}

const all: readonly GoldenCase[] = hasStories ? JSON.parse(readFileSync(stories('golden.json'), 'utf8')).cases : []

export const greedyCases = all.filter(({ temperature }) => temperature === 0)
