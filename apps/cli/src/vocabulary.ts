import { bytesFile, type OutputFile, type Vocabulary } from '@cria/checkpoint'
import { type Tokenizer, writeSentencePiece, writeTokenizerJson } from '@cria/tokenizer'

/** The tokenizer at a path, a URL or an `hf:` location, and what it is made from: a file of any format, or the inside of a GGUF file. */
export const readVocabulary = async (
  path: string,
  signal: AbortSignal,
): Promise<{ readonly tokenizer: Tokenizer; readonly vocabulary: Vocabulary }> => {
  const { readTokenizer, readTokenizerFile } = await import('cria')
  const vocabulary = await readTokenizerFile(path, { signal })
  return { tokenizer: await readTokenizer(vocabulary, path, signal), vocabulary }
}

/** The tokenizer of `readVocabulary`. */
export const readTokenizer = async (path: string, signal: AbortSignal): Promise<Tokenizer> =>
  (await readVocabulary(path, signal)).tokenizer

/** A tokenizer as a file of a Hugging Face folder: SentencePiece's .model, or JSON for byte-level BPE. */
export const tokenizerFile = (tokenizer: Tokenizer): OutputFile =>
  tokenizer.vocabulary.rules === undefined
    ? bytesFile('tokenizer.model', writeSentencePiece(tokenizer))
    : bytesFile('tokenizer.json', writeTokenizerJson(tokenizer))

/** The tokenizer inside a model or beside it, if there is one. */
export const tokenizerOf = async (
  { name, vocabulary }: { readonly name: string; readonly vocabulary: Vocabulary | undefined },
  signal: AbortSignal,
): Promise<Tokenizer | undefined> => {
  if (vocabulary === undefined) return undefined
  const { readTokenizer } = await import('cria')
  return readTokenizer(vocabulary, name, signal)
}
