import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { MalformedFileError, type OutputFile, readVocabulary, SourceError, UnsupportedModelError } from '../src/index'
import { fileSource, openPath, saveFiles } from '../src/node'
import { gguf, folder as modelFolder, parts } from './small-models'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'cria-paths-'))
})
afterAll(() => rm(root, { recursive: true }))

const open = async (path: string | URL) => {
  const checkpoint = await openPath(path)
  onTestFinished(() => checkpoint.close())
  return [...checkpoint.tensors.keys()]
}

const save = async (name: string, files: readonly OutputFile[]) => {
  const path = join(root, name)
  await saveFiles(path, files)
  return path
}

test.each(['C#', '#1 models', 'what?', '100%', 'x file:y'])(
  'a folder named %s is a path like any other',
  async name => {
    expect(await open(await save(`${name}/hf`, modelFolder()))).toEqual(['a'])
    const file = join(await save(name, [gguf('m#1?.gguf')]), 'm#1?.gguf')
    expect(await open(file)).toEqual(['a'])
    expect(await open(pathToFileURL(file))).toEqual(['a'])
    expect(await open(pathToFileURL(file).href)).toEqual(['a'])
  },
)

test('a file: URL that is not of this machine is a SourceError', async () => {
  const opening = openPath('file://elsewhere/model.gguf')
  await expect(opening).rejects.toThrow(
    /^file:\/\/elsewhere\/model.gguf: is not the address of a local file \(File URL host must be/,
  )
  await expect(opening).rejects.toBeInstanceOf(SourceError)
})

test('a GGUF file is recognised without an ending, alone and beside other files', async () => {
  const path = await save('blobs', [gguf('sha256-0123'), gguf('sha256-4567')])
  expect(await open(join(path, 'sha256-0123'))).toEqual(['a'])
  const source = await fileSource(join(path, 'sha256-0123'))
  onTestFinished(() => source.close())
  expect((await readVocabulary(source)).kind).toBe('gguf')
})

test.each(['m-00001-of-00000.gguf', 'm-00001-of-99999.gguf', 'm-00001-of-00001.gguf'])(
  'a whole model named %s opens by itself',
  async name => {
    expect(await open(join(await save('named', [gguf(name)]), name))).toEqual(['a'])
  },
)

test('any part of a split model opens it, and so does its folder', async () => {
  const path = await save('split', parts(3))
  for (const name of ['', 'm-00001-of-00003.gguf', 'm-00002-of-00003.gguf', 'm-00003-of-00003.gguf'])
    expect(await open(join(path, name))).toEqual(['t0', 't1', 't2'])
  await rm(join(path, 'm-00002-of-00003.gguf'))
  await expect(openPath(join(path, 'm-00001-of-00003.gguf'))).rejects.toThrow(
    /m-00002-of-00003.gguf: does not exist; check the path/,
  )
  await expect(openPath(path)).rejects.toThrow(/split.count: is 3, but 2 of the parts were given/)
})

describe('a folder of the Hugging Face cache', () => {
  const cached = async (name: string, snapshots: readonly string[], main?: string) => {
    const path = join(root, `models--owner--${name}`)
    for (const snapshot of snapshots) {
      await saveFiles(join(path, 'blobs', snapshot), modelFolder())
      await mkdir(join(path, 'snapshots', snapshot), { recursive: true })
      for (const file of ['config.json', 'model.safetensors'])
        await symlink(join(path, 'blobs', snapshot, file), join(path, 'snapshots', snapshot, file))
    }
    await mkdir(join(path, 'refs'), { recursive: true })
    if (main) await writeFile(join(path, 'refs', 'main'), main)
    return path
  }

  test('is its main snapshot, or the only one', async () => {
    expect(await open(await cached('main', ['0a', '1b'], '1b'))).toEqual(['a'])
    expect(await open(await cached('only', ['0a']))).toEqual(['a'])
  })

  test('without a snapshot, or with several, says so', async () => {
    await expect(openPath(await cached('none', []))).rejects.toThrow(/without a snapshot; download the model again/)
    await expect(openPath(await cached('two', ['0a', '1b']))).rejects.toThrow(/2 snapshots; name one of 0a, 1b/)
  })
})

test('a whole file is preferred to the shards of an old index', async () => {
  const path = await save('stale', modelFolder())
  await writeFile(join(path, 'model.safetensors.index.json'), '{"weight_map":{"a":"model-00001-of-00002.safetensors"}}')
  expect(await open(path)).toEqual(['a'])
})

test('shards are found though the index names others, or has their tensors in other files', async () => {
  const path = await save('shards', modelFolder())
  await cp(join(path, 'model.safetensors'), join(path, 'model-00001-of-00001.safetensors'))
  await rm(join(path, 'model.safetensors'))
  const index = join(path, 'model.safetensors.index.json')
  for (const map of [{ a: 'old.safetensors' }, { b: 'model-00001-of-00001.safetensors' }, {}]) {
    await writeFile(index, JSON.stringify({ weight_map: { ...map, c: 'model-00001-of-00001.safetensors' } }))
    expect(await open(path)).toEqual(['a'])
  }
})

test.each<[string, string, typeof MalformedFileError | typeof UnsupportedModelError, RegExp]>([
  [
    'model.safetensors',
    'version https://git-lfs.github.com/spec/v1\noid sha256:0',
    MalformedFileError,
    /Git LFS pointer/,
  ],
  ['model.gguf', 'version https://git-lfs.github.com/spec/v1\noid sha256:0', MalformedFileError, /run "git lfs pull"/],
  ['model.gguf', '<!DOCTYPE html><html></html>', MalformedFileError, /is a web page/],
  [
    'model.bin',
    `tjgg${'\0'.repeat(100)}`,
    UnsupportedModelError,
    /is a GGJT file of 2023, a format that GGUF has replaced/,
  ],
  ['model.bin', `lmgg${'\0'.repeat(100)}`, UnsupportedModelError, /is a GGML file/],
])('%s that contains %j: the error says what it is', async (name, content, ErrorClass, message) => {
  const path = await save(`disguise-${Math.random()}`, name === 'model.safetensors' ? modelFolder() : [])
  await writeFile(join(path, name), content)
  const opening = openPath(join(path, name))
  await expect(opening).rejects.toThrow(message)
  await expect(opening).rejects.toBeInstanceOf(ErrorClass)
})

test('a tokenizer that is a Git LFS pointer: the error says so', async () => {
  const path = await save('pointer', modelFolder())
  await writeFile(join(path, 'tokenizer.model'), 'version https://git-lfs.github.com/spec/v1\noid sha256:0')
  const checkpoint = await openPath(path)
  onTestFinished(() => checkpoint.close())
  if (checkpoint.vocabulary?.kind !== 'file') return expect.fail('no tokenizer')
  await expect(checkpoint.vocabulary.read()).rejects.toThrow(/tokenizer.model: is a Git LFS pointer/)
})
