import {
  blobSource,
  type Checkpoint,
  httpSource,
  openCheckpoint,
  openUrl,
  readVocabularyFile,
  type Source,
} from '@cria/checkpoint'
import { fileSource, openPath } from '#platform'

/**
 * Where a model is: a path or URL, files that a page was given, sources of one's own, or an open checkpoint. In a page a
 * path is a URL, relative to the page's.
 */
export type ModelLocation = string | URL | readonly (File | Source)[] | Checkpoint

export const isCheckpoint = (from: ModelLocation): from is Checkpoint =>
  typeof from === 'object' && 'tensors' in from && 'config' in from

const isOnServer = (location: string): boolean => /^https?:/i.test(location)

/** Opens what a location names; an open checkpoint is itself. @throws CheckpointError */
export const openLocation = async (from: ModelLocation, signal: AbortSignal | undefined): Promise<Checkpoint> => {
  if (isCheckpoint(from)) return from
  if (typeof from === 'string' || from instanceof URL) {
    const name = String(from)
    return isOnServer(name) ? openUrl(name, { signal }) : openPath(name, { signal })
  }
  return openCheckpoint(
    from.map(file => (file instanceof Blob ? blobSource(file, file.name) : file)),
    { signal },
  )
}

/** All bytes of the tokenizer at a path or URL. @throws CheckpointError */
export const readTokenizerBytes = async (from: string, signal: AbortSignal | undefined): Promise<Uint8Array> => {
  const source = await (isOnServer(from) ? httpSource(from, { signal }) : fileSource(from))
  try {
    return await readVocabularyFile(source, { signal })
  } finally {
    await source.close()
  }
}
