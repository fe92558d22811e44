import type { SplitName } from '../splits'
import type { TextRules } from '../text-rules'

/** How a name in `tokenizer.ggml.pre` cuts text, as llama.cpp has it. */
export interface GgufPattern {
  readonly splits: readonly SplitName[]
  /** Whether a word that is a piece is that piece, whatever the merges say. */
  readonly ignoreMerges: boolean
  /** Whether a text begins with BOS unless the file says otherwise. */
  readonly addBos: boolean
}

const gpt2: GgufPattern = { splits: ['gpt2'], ignoreMerges: false, addBos: false }
const smollm: GgufPattern = { splits: ['digits', 'gpt2'], ignoreMerges: false, addBos: false }
const llama3: GgufPattern = { splits: ['llama3'], ignoreMerges: true, addBos: true }
const dbrx: GgufPattern = { splits: ['llama3'], ignoreMerges: false, addBos: false }
const qwen2: GgufPattern = { splits: ['qwen2'], ignoreMerges: false, addBos: false }
const byDefault: GgufPattern = {
  splits: ['punctuation', 'gpt2', 'digit runs', 'digit triples'],
  ignoreMerges: false,
  addBos: false,
}

/** The patterns by their names; of those that mean the same, the first is the one that is written. */
export const ggufPatterns: ReadonlyMap<string, GgufPattern> = new Map([
  ['default', byDefault],
  ['gpt-2', gpt2],
  ['phi-2', gpt2],
  ['mpt', gpt2],
  ['olmo', gpt2],
  ['llama-bpe', llama3],
  ['llama3', llama3],
  ['llama-v3', llama3],
  ['falcon3', llama3],
  ['dbrx', dbrx],
  ['smaug-bpe', dbrx],
  ['smollm', smollm],
  ['starcoder', smollm],
  ['refact', smollm],
  ['command-r', smollm],
  ['codeshell', smollm],
  ['exaone', smollm],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', qwen2],
  ['stablelm2', qwen2],
])

/** The name of the pattern that cuts text like these rules, if there is one. */
export const ggufPatternOf = ({ splits, ignoreMerges }: TextRules): string | undefined => {
  for (const [name, pattern] of ggufPatterns)
    if (pattern.ignoreMerges === ignoreMerges && pattern.splits.join() === splits.join()) return name
  return undefined
}
