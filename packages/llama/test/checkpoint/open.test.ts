import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CheckpointError,
  ConversionError,
  MalformedFileError,
  memorySource,
  outputBytes,
  SaveError,
  SourceError,
  UnsupportedModelError,
} from '@cria/checkpoint'
import { openPath, saveFile, saveFiles } from '@cria/checkpoint/node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeGguf, writeHuggingFace } from '../../src/checkpoint'
import { open, openSources } from './stories'
import { tinyConfig, tinyModel } from './tiny'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cria-open-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A folder of these files; that they hold anything does not matter. */
const folderOf = async (name: string, files: readonly string[]): Promise<string> => {
  const path = join(folder, name)
  await mkdir(path)
  for (const file of files) await writeFile(join(path, file), '{}')
  return path
}

const badFolders: Record<string, [files: string[], error: RegExp]> = {
  'of nothing': [[], /has no model/],
  'of other things': [['README.md', 'tokenizer.model'], /has no model/],
  'of PyTorch pickles': [['config.json', 'pytorch_model-00001-of-00002.bin'], /has no model: no .safetensors/],
  'of two models': [['a.gguf', 'b.gguf'], /has 2 models; name one of a.gguf, b.gguf/],
  'of a model without its config': [['model.safetensors'], /model.safetensors: has no config.json beside it/],
  'of a gap in its shards': [['params.json', 'consolidated.01.pth'], /follows consolidated.00.pth, which is missing/],
}

test.each(Object.keys(badFolders))('a folder %s is a SourceError that says what is missing', async name => {
  const [files, error] = badFolders[name]
  const opening = openPath(await folderOf(name, files))
  await expect(opening).rejects.toThrow(error)
  await expect(opening).rejects.toBeInstanceOf(SourceError)
})

test('a path that does not exist is a SourceError', async () => {
  await expect(openPath(join(folder, 'none'))).rejects.toThrow(/none: does not exist; check the path/)
})

test('a folder opens as its one model, with any other files in it', async () => {
  const path = join(folder, 'full')
  await saveFiles(path, writeHuggingFace(tinyModel()))
  await writeFile(join(path, 'consolidated.safetensors'), 'not of this model')
  await writeFile(join(path, 'pytorch_model.bin'), 'x')
  await writeFile(join(path, 'tokenizer.model'), 'pieces')
  const checkpoint = await open(path)
  expect(checkpoint.config).toEqual(tinyConfig)
  expect(checkpoint.vocabulary).toMatchObject({ kind: 'file', name: join(path, 'tokenizer.model'), size: 6 })
})

test('a tokenizer of 50 GB is refused before it is read', async () => {
  const path = join(folder, 'large-tokenizer')
  await saveFiles(path, writeHuggingFace(tinyModel()))
  await writeFile(join(path, 'tokenizer.model'), '')
  await truncate(join(path, 'tokenizer.model'), 50e9)
  const { vocabulary } = await open(path)
  if (vocabulary?.kind !== 'file') return expect.fail('no tokenizer')
  await expect(vocabulary.read()).rejects.toThrow(/tokenizer.model: has 50000000000 bytes, expected a tokenizer of/)
  await expect(vocabulary.read()).rejects.toBeInstanceOf(MalformedFileError)
})

test('what the disk refuses is a SaveError that names the folder', async () => {
  const path = join(folder, 'file')
  await writeFile(path, 'x')
  const saving = saveFile(join(path, 'model.gguf'), writeGguf(tinyModel()))
  await expect(saving).rejects.toThrow(/file: cannot be written/)
  await expect(saving).rejects.toBeInstanceOf(SaveError)
})

test('a GGUF file is known by its first bytes, without its ending', async () => {
  await saveFile(join(folder, 'blob'), { ...writeGguf(tinyModel()), name: 'blob' })
  expect((await open(join(folder, 'blob'))).format).toBe('GGUF v3')
})

test('the sources of a model are closed with it, and when it does not open', async () => {
  const closed: string[] = []
  const watched = (bytes: Uint8Array, name: string) => ({
    ...memorySource(bytes, name),
    close: async () => void closed.push(name),
  })
  const checkpoint = await openSources(watched(await outputBytes(writeGguf(tinyModel())), 'a.gguf'))
  expect(closed).toEqual([])
  await checkpoint.close()
  expect(closed).toEqual(['a.gguf'])
  await expect(openSources(watched(new Uint8Array(9), 'b.gguf'))).rejects.toThrow(MalformedFileError)
  expect(closed).toEqual(['a.gguf', 'b.gguf'])
})

test('a tensor of another name is a ConversionError', async () => {
  const reading = tinyModel().read('layers.9.attention.wq.weight')
  await expect(reading).rejects.toThrow(/tensor "layers.9.attention.wq.weight": is not a tensor of this model/)
})

test('errors have names that stay, and say where', () => {
  const place = { file: 'f', tensor: 't', field: 'x' }
  const errors = { MalformedFileError, UnsupportedModelError, SourceError, ConversionError, SaveError }
  for (const [name, ErrorClass] of Object.entries(errors)) {
    const error = new ErrorClass(place, 'is wrong')
    expect(error).toMatchObject({ name, ...place, message: 'f: tensor "t": x: is wrong' })
    expect(error).toBeInstanceOf(CheckpointError)
  }
})
