import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blobSource, type OutputFile, outputBytes, type Progress, readWeights } from '@cria/checkpoint'
import { saveFile, saveFiles } from '@cria/checkpoint/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeGguf, writeHuggingFace, writeLlama2c } from '../../src/checkpoint'
import { open, openSources } from './stories'
import { tinyConfig, tinyModel } from './tiny'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-progress-'))
})
afterAll(() => rm(folder, { recursive: true }))

const filesOf = async (files: readonly OutputFile[], prefix = '') => {
  const map = new Map<string, Uint8Array>()
  for (const file of files) map.set(prefix + file.name, await outputBytes(file))
  return map
}

test('progress counts the bytes of the whole, over all files, and ends at the total', async () => {
  const files = await filesOf(writeHuggingFace(tinyModel(), { maxShardBytes: 30_000 }))
  const opened = await openSources(
    [...files].map(([name, content]) => blobSource(new Blob([content as BlobPart]), name)),
  )
  const seen: Progress[] = []
  for await (const [name] of readWeights(opened, { onProgress: progress => seen.push(progress) }))
    expect(name).toBeTruthy()
  const weights = [...opened.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
  expect(seen.at(-1)).toEqual({ loaded: weights, total: weights })
  expect(seen.every((progress, i) => i === 0 || progress.loaded > seen[i - 1].loaded)).toBe(true)
})

test('an aborted save leaves neither the file nor a part of it, and an old file as it was', async () => {
  const target = join(folder, 'saves')
  await saveFile(join(target, 'model.gguf'), writeGguf(tinyModel()))
  const reason = new Error('stop')
  const controller = new AbortController()
  const files = [writeGguf(tinyModel(), { dtype: 'f16' }), writeLlama2c(tinyModel({ ...tinyConfig, norm_eps: 1e-5 }))]
  const saving = saveFiles(target, files, {
    signal: controller.signal,
    onProgress: ({ loaded, total }) => loaded > total / 2 && controller.abort(reason),
  })
  await expect(saving).rejects.toBe(reason)
  expect(await readdir(target)).toEqual(['model.gguf'])
  const opened = await open(join(target, 'model.gguf'))
  expect(opened.tensors.get('output.weight')?.dtype).toBe('f32')
})
