import type { Vocabulary } from '@cria/checkpoint'
import type { Tokenizer } from '@cria/tokenizer'

/** The tokenizer at a path, a URL or an `hf:` location: a file of any format, or the one inside a GGUF file. */
export const readTokenizer = async (path: string, signal: AbortSignal): Promise<Tokenizer> => {
  const { readTokenizer, readTokenizerFile } = await import('cria')
  return readTokenizer(await readTokenizerFile(path, { signal }), path, signal)
}

/** The tokenizer inside a model or beside it, if there is one. */
export const tokenizerOf = async (
  { name, vocabulary }: { readonly name: string; readonly vocabulary: Vocabulary | undefined },
  signal: AbortSignal,
): Promise<Tokenizer | undefined> => {
  if (vocabulary === undefined) return undefined
  const { readTokenizer } = await import('cria')
  return readTokenizer(vocabulary, name, signal)
}
