import { Tokenizer } from './tokenizer'
import type { TrainingOptions } from './train/options'

/**
 * Trains a vocabulary as SentencePiece's BPE trainer does (0.1.97, `--model_type=bpe`), with the settings of LLaMA's:
 * identity normaliser and dummy prefix, digits alone, byte fallback, runs of spaces as pieces. The same corpus gives
 * the same pieces in the same order.
 *
 * If the corpus has no more pairs before `vocabSize` is reached, SentencePiece continues with pairs that no longer occur. Here this
 * is an error.
 *
 * @param texts the corpus; each line of each text is a sentence
 * @throws {TrainingError} for options out of range, an empty corpus, and a `vocabSize` too small for the characters or
 * too large for the corpus
 * @throws the reason of `signal` once it is aborted
 */
export async function trainTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainingOptions,
): Promise<Tokenizer> {
  // The trainer is loaded only when it is used.
  const { trainVocabulary } = await import('./train/train-vocabulary')
  return new Tokenizer(await trainVocabulary(texts, options))
}
