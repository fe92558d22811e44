import type { Checkpoint } from '@cria/checkpoint'
import { openPath } from '@cria/checkpoint/node'
import { loadTokenizer, readGgufVocabulary, type Tokenizer } from '@cria/tokenizer'
import { InputError } from './errors'
import { readBytes } from './files'

/** The tokenizer in a file of any format that `@cria/tokenizer` reads, or in a GGUF model. */
export const readTokenizer = async (path: string, signal: AbortSignal): Promise<Tokenizer> => {
  if (!/\.gguf$/i.test(path)) return loadTokenizer(await readBytes(path, signal), { name: path })
  const checkpoint = await openPath(path, { signal })
  try {
    const tokenizer = await tokenizerOf(checkpoint, signal)
    if (tokenizer === undefined) throw new InputError(`${path} holds no tokenizer: give another file`)
    return tokenizer
  } finally {
    await checkpoint.close()
  }
}

/** The tokenizer inside a checkpoint or beside it, if there is one. */
export const tokenizerOf = async (
  { name, vocabulary }: Checkpoint,
  signal: AbortSignal,
): Promise<Tokenizer | undefined> => {
  if (vocabulary === undefined) return undefined
  if (vocabulary.kind === 'gguf') return readGgufVocabulary(vocabulary, { name })
  return loadTokenizer(await vocabulary.read({ signal }), { name: vocabulary.name })
}

/** The checkpoint with the tokenizer in this file for its own. */
export const withTokenizer = async (checkpoint: Checkpoint, path: string, signal: AbortSignal): Promise<Checkpoint> => {
  const bytes = await readBytes(path, signal)
  return { ...checkpoint, vocabulary: { kind: 'file', name: path, size: bytes.length, read: async () => bytes } }
}
