import { Tokenizer, trainTokenizer, type Vocabulary } from '@cria/tokenizer'
import { story } from '../../story'
import type { MergeStep, Merges } from '../types'

let trained: Promise<Tokenizer> | undefined

/** A small tokenizer, trained here and now, for a page without a model. */
const storyTokenizer = (): Promise<Tokenizer> => {
  trained ??= trainTokenizer(story.split('\n'), { vocabSize: 480 })
  return trained
}

let last: { readonly vocabulary: Vocabulary; readonly tokenizer: Tokenizer } | undefined

const tokenizerOf = (vocabulary: Vocabulary): Tokenizer => {
  if (last?.vocabulary !== vocabulary) last = { vocabulary, tokenizer: new Tokenizer(vocabulary) }
  return last.tokenizer
}

/**
 * The steps in which a tokenizer makes pieces of a text's characters.
 * @param vocabulary a model's; without one, the tokenizer is trained here
 */
export const merges = async (text: string, vocabulary: Vocabulary | undefined): Promise<Merges> => {
  const tokenizer = vocabulary ? tokenizerOf(vocabulary) : await storyTokenizer()
  const parts = tokenizer.explain(text)
  const steps: MergeStep[] = []
  const before: string[] = []
  const after = parts.map(({ pieces }) => pieces[0])
  for (const [index, { pieces, merges }] of parts.entries()) {
    const rest = after.slice(index + 1).flat()
    for (const [i, { at, rank }] of merges.entries())
      steps.push({ pieces: [...before, ...pieces[i], ...rest], merge: before.length + at, rank: rank + 1 })
    before.push(...(pieces.at(-1) ?? []))
  }
  steps.push({ pieces: before, merge: undefined, rank: undefined })
  return {
    steps,
    ids: Array.from(tokenizer.encode(text)),
    vocabulary: tokenizer.vocabSize,
    learnedHere: vocabulary === undefined,
  }
}
