import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blobSource, type OutputFile, openUrl, outputBytes, type Progress, readWeights } from '@cria/checkpoint'
import { saveFile, saveFiles } from '@cria/checkpoint/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { memoryLlama, writeGguf, writeHuggingFace, writeLlama2c } from '../../src/checkpoint'
import { listen, serve } from './server'
import { expectSameTensors, llamaOf, open, openSources, readAll } from './stories'
import { tinyArrays, tinyConfig, tinyModel } from './tiny'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-url-'))
})
afterAll(() => rm(folder, { recursive: true }))

const openModelUrl = async (url: string) => llamaOf(await openUrl(url))

const filesOf = async (files: readonly OutputFile[], prefix = '') => {
  const map = new Map<string, Uint8Array>()
  for (const file of files) map.set(prefix + file.name, await outputBytes(file))
  return map
}

test('a model opens from a URL: a file, a sharded folder with or without its slash, and any file of it', async () => {
  const checkpoint = tinyModel()
  const expected = await readAll(checkpoint)
  const files = new Map([
    ...(await filesOf([writeGguf(checkpoint)])),
    ...(await filesOf(writeHuggingFace(checkpoint, { maxShardBytes: 30_000 }), 'folder/')),
    ['folder/tokenizer.model', Uint8Array.of(1, 2, 3)] as const,
  ])
  const base = await serve(files)
  for (const path of ['model.gguf', 'model.gguf?download=true', 'folder', 'folder/', 'folder/config.json']) {
    const opened = await openModelUrl(`${base}/${path}`)
    expect(opened.config, path).toEqual(tinyConfig)
    expectSameTensors(await readAll(opened), expected)
    if (path.startsWith('folder')) expect(opened.vocabulary?.kind).toBe('file')
  }
  await expect(openUrl(`${base}/nothing/`)).rejects.toThrow(/neither config.json nor params.json/)
})

test('a safetensors file that a URL names is the one that is opened', async () => {
  const [config, model] = writeHuggingFace(tinyModel())
  const other = memoryLlama(tinyConfig, new Map([...tinyArrays()].map(([name, array]) => [name, array.map(x => -x)])))
  const files = await filesOf([config, model, { ...writeHuggingFace(other)[1], name: 'other.safetensors' }])
  const opened = await openModelUrl(`${await serve(files)}/other.safetensors`)
  expectSameTensors(await readAll(opened), await readAll(other))
})

test('a redirect to another server is followed, in every request', async () => {
  const model = await outputBytes(writeGguf(tinyModel()))
  const target = await serve(new Map([['blobs/abc', model]]))
  const redirects = await listen((_, response) => {
    response.writeHead(302, { location: `${target}/blobs/abc` }).end()
  })
  const opened = await openModelUrl(`${redirects}/model.gguf`)
  expect(opened.name).toBe(`${redirects}/model.gguf`)
  expectSameTensors(await readAll(opened), await readAll(tinyModel()))
})

test('of a file on a server only the header and the tensors that are read are sent', async () => {
  const file = await outputBytes(writeLlama2c(tinyModel({ ...tinyConfig, norm_eps: 1e-5 })))
  const sent = { bytes: 0 }
  const opened = await openModelUrl(`${await serve(new Map([['model.bin', file]]), sent)}/model.bin`)
  await opened.read('norm.weight')
  expect(sent.bytes).toBeLessThan(600)
})

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
