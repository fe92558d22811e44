import type { GgufVocabulary } from '../checkpoint'
import { MalformedFileError } from '../errors'
import type { Source } from '../sources/source'
import type { StoredModel } from '../stored-checkpoint'
import type { StoredTensor } from '../stored-tensor'
import { readGgufConfig } from './gguf-config'
import { readGgufHeader } from './gguf-header'
import { vocabularyOf } from './gguf-vocabulary'

/** Reads a GGUF file of the `llama` architecture. Its q and k are in interleaved pairs already, as ggml's rope wants. */
export const readGguf = async (source: Source, signal?: AbortSignal): Promise<StoredModel> => {
  const file = source.name
  const header = await readGgufHeader(source, signal)
  const embedding = header.tensors.get('token_embd.weight')
  if (!embedding) {
    throw new MalformedFileError(
      { file, tensor: 'token_embd.weight' },
      'is missing; does this file hold a vocabulary only?',
    )
  }
  const tensors = new Map<string, StoredTensor>()
  for (const [name, { dtype, shape, offset }] of header.tensors) {
    tensors.set(name, { name, shape, dtype, parts: [{ source, offset, shape }] })
  }
  const vocabulary = vocabularyOf(header.metadata, file)
  return {
    format: `GGUF v${header.version}`,
    name: file,
    // The embedding's rows are the vocabulary; an absent output projection is the embedding.
    config: readGgufConfig(header.metadata, file, embedding.shape[0], !tensors.has('output.weight')),
    naming: 'gguf',
    tensors,
    ...(vocabulary && { vocabulary }),
  }
}

/** The tokenizer inside a GGUF file, which may hold no model at all; undefined where it has none. */
export const readGgufVocabulary = async (source: Source, signal?: AbortSignal): Promise<GgufVocabulary | undefined> =>
  vocabularyOf((await readGgufHeader(source, signal)).metadata, source.name)
