import type { Checkpoint, VocabularyFile } from './checkpoint'
import { MalformedFileError, SourceError, UnsupportedModelError } from './errors'
import { chooseFiles, findVocabularyName } from './files'
import { readGguf } from './formats/gguf-reader'
import { ggufMagic } from './formats/gguf-types'
import { readHuggingFace } from './formats/huggingface-reader'
import { readLlama2c } from './formats/llama2c-reader'
import { readMeta } from './formats/meta-reader'
import type { ReadBytesOptions, Source } from './sources/source'
import { type StoredModel, storedCheckpoint } from './stored-checkpoint'

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined
}

/** The largest tokenizer.json files have some 40 MB. */
const maxVocabularyBytes = 100_000_000

/** All bytes of a tokenizer's file. Rejects with a `MalformedFileError` for one that is too large to be any. */
export const readVocabularyFile = async (
  source: Source,
  options?: ReadBytesOptions,
): Promise<Uint8Array<ArrayBuffer>> => {
  const { name: file, size } = source
  if (size <= maxVocabularyBytes) return source.read(0, size, options)
  throw new MalformedFileError({ file }, `has ${size} bytes, expected a tokenizer of at most ${maxVocabularyBytes}`)
}

const vocabularyBeside = (sources: readonly Source[], vocabSize: number): VocabularyFile | undefined => {
  const name = findVocabularyName(
    sources.map(source => source.name),
    vocabSize,
  )
  const source = sources.find(candidate => candidate.name === name)
  if (!source) return undefined
  return { kind: 'file', name: source.name, size: source.size, read: options => readVocabularyFile(source, options) }
}

/** `PK`, of a zip archive. */
const zipMagic = 0x04034b50

/** A single file is known by its first bytes; llama2.c's version 0 has none of its own. */
const readSingle = async (source: Source, signal: AbortSignal | undefined): Promise<StoredModel> => {
  const bytes = new Uint8Array(4)
  bytes.set(await source.read(0, Math.min(4, source.size), { signal }))
  const magic = new DataView(bytes.buffer).getUint32(0, true)
  if (magic === ggufMagic || source.name.endsWith('.gguf')) return readGguf(source, signal)
  if (magic === zipMagic) {
    throw new UnsupportedModelError(
      { file: source.name },
      'is a PyTorch archive, of which only consolidated.NN.pth are read; use the safetensors of the same model',
    )
  }
  return readLlama2c(source, signal)
}

const readModel = async (sources: readonly Source[], signal: AbortSignal | undefined): Promise<StoredModel> => {
  if (sources.length === 0) throw new SourceError({ file: 'checkpoint' }, 'has no files; give at least one')
  const { kind, weights } = chooseFiles(
    sources[0].name,
    sources.map(source => source.name),
  )
  const chosen = sources.filter(source => weights.includes(source.name))
  if (kind === 'huggingFace') return readHuggingFace(chosen, signal)
  if (kind === 'meta') return readMeta(chosen, signal)
  return readSingle(chosen[0], signal)
}

/**
 * Opens a model from its files: one GGUF or llama2.c file, or those of a Hugging Face folder or of Meta's. The format is
 * found by itself; a tokenizer file among them becomes the `vocabulary` unless the model carries one. Only headers are
 * read. The sources belong to the checkpoint from then on: they are closed with it, and when opening fails.
 *
 * Throws a `MalformedFileError`, `UnsupportedModelError` or `SourceError` that names file, tensor and field.
 */
export const openCheckpoint = async (
  files: Source | readonly Source[],
  { signal }: OpenOptions = {},
): Promise<Checkpoint> => {
  const sources = 'read' in files ? [files] : files
  const close = async () => {
    await Promise.all(sources.map(source => source.close()))
  }
  try {
    const model = await readModel(sources, signal)
    return storedCheckpoint({ vocabulary: vocabularyBeside(sources, model.config.vocab_size), ...model }, close)
  } catch (error) {
    await close()
    throw error
  }
}
