import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesFile, type OutputFile } from '@cria/checkpoint'
import { saveFiles } from '@cria/checkpoint/node'

/** The manifest of a saved step. The run resumes from its files. */
export interface Manifest {
  readonly format: 'cria-training'
  readonly version: 1
  readonly step: number
  /** Each file with its size and SHA-256. */
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>
  /** What the run needs beside the files. */
  readonly run: unknown
}

/** A complete saved step. */
export interface SavedStep {
  readonly folder: string
  readonly manifest: Manifest
}

const manifestName = 'training.json'
const folderOf = (step: number) => `step-${String(step).padStart(8, '0')}`
const stepPattern = /^step-\d{8,}$/

/** Makes names in a folder durable. Windows cannot open a folder. */
const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}

/** A file that computes its hash while it is written. */
const hashed = (file: OutputFile): { readonly file: OutputFile; sha256(): string } => {
  let digest = ''
  return {
    file: {
      ...file,
      async *chunks(options) {
        const hash = createHash('sha256')
        for await (const chunk of file.chunks(options)) {
          hash.update(chunk)
          yield chunk
        }
        digest = hash.digest('hex')
      },
    },
    sha256: () => digest,
  }
}

/**
 * Saves a step of a run: first its files in a temporary folder, then the manifest, then the folder is renamed. Until then
 * `latestStep` does not find it.
 * @returns the folder
 * @throws SaveError if the disk refuses; earlier steps stay as they are
 */
export const saveStep = async (
  root: string,
  step: number,
  files: readonly OutputFile[],
  run: unknown,
): Promise<string> => {
  const place = join(root, folderOf(step))
  const beside = join(root, `.${folderOf(step)}.part`)
  await rm(beside, { recursive: true, force: true })
  try {
    const written = files.map(hashed)
    await saveFiles(
      beside,
      written.map(({ file }) => file),
    )
    const entries = written.map(({ file, sha256 }) => [file.name, { bytes: file.size, sha256: sha256() }])
    const manifest: Manifest = { format: 'cria-training', version: 1, step, files: Object.fromEntries(entries), run }
    await saveFiles(beside, [
      bytesFile(manifestName, new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`)),
    ])
    await removeStep(place)
    await rename(beside, place)
    await syncFolder(root)
    return place
  } catch (error) {
    await rm(beside, { recursive: true, force: true })
    throw error
  }
}

/** Removes a saved step. The manifest is removed first: without it the step does not count as saved. */
export const removeStep = async (folder: string): Promise<void> => {
  await rm(join(folder, manifestName), { force: true })
  await rm(folder, { recursive: true, force: true })
}

/** Folders of saved steps, the latest first, complete or not. */
export const stepFolders = async (root: string): Promise<string[]> => {
  const names = await readdir(root).catch(() => [])
  return names
    .filter(name => stepPattern.test(name))
    .sort((a, b) => Number(b.slice(5)) - Number(a.slice(5)))
    .map(name => join(root, name))
}

/** The latest complete step: all files exist, with the sizes and hashes of the manifest. */
export const latestStep = async (root: string): Promise<SavedStep | undefined> => {
  for (const folder of await stepFolders(root)) {
    const manifest = await readManifest(folder)
    if (manifest && (await isWhole(folder, manifest))) return { folder, manifest }
  }
  return undefined
}

/** Removes incomplete files of a killed run, and all steps except the latest `keep` and those of `also`. */
export const prune = async (root: string, keep: number, also: readonly string[] = []): Promise<void> => {
  for (const name of await readdir(root))
    if (/^\.step-\d+\.part$/.test(name)) await rm(join(root, name), { recursive: true, force: true })
  for (const folder of (await stepFolders(root)).slice(keep)) if (!also.includes(folder)) await removeStep(folder)
}

const readManifest = async (folder: string): Promise<Manifest | undefined> => {
  try {
    const manifest = JSON.parse(await readFile(join(folder, manifestName), 'utf8'))
    const known = manifest.format === 'cria-training' && manifest.version === 1 && Number.isSafeInteger(manifest.step)
    return known && typeof manifest.files === 'object' && manifest.files !== null ? manifest : undefined
  } catch {
    return undefined
  }
}

const isWhole = async (folder: string, { files }: Manifest): Promise<boolean> => {
  for (const [name, { bytes, sha256 }] of Object.entries(files)) {
    if (!/^[\w-][\w.-]*$/.test(name)) return false
    const path = join(folder, name)
    const found = await stat(path).catch(() => undefined)
    if (found?.size !== bytes || (await hashOf(path)) !== sha256) return false
  }
  return true
}

const hashOf = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
