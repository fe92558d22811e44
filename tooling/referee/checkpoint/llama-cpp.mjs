// Whether llama.cpp loads the GGUF files that we write, and says the same as llama2.c did: the golden text of stories260K.
//   npm install --prefix FOLDER --ignore-scripts node-llama-cpp@3
//   turbo run build --filter=@cria/checkpoint && node tooling/referee/checkpoint/llama-cpp.mjs FOLDER
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { writeGguf } from '../../../packages/checkpoint/dist/index.js'
import { openPath, saveFile } from '../../../packages/checkpoint/dist/node.js'

const installed = createRequire(join(resolve(process.argv[2]), 'package.json')).resolve('node-llama-cpp')
const { getLlama } = await import(pathToFileURL(installed).href)
const stories = fileURLToPath(new URL('../../../../shared/data/stories260K/', import.meta.url))
const golden = JSON.parse(readFileSync(join(stories, 'golden.json'), 'utf8')).cases[0].text

// One thread: the model is so small that several would only wait for each other.
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: 1 })
const folder = mkdtempSync(join(tmpdir(), 'cria-llama-cpp-'))
const checkpoint = await openPath(join(stories, 'stories260K.bin'))
const { vocabulary, close } = await openPath(join(stories, 'stories260K.gguf'))
try {
  for (const dtype of ['f32', 'f16', 'q8_0', 'q4_0']) {
    const path = join(folder, `${dtype}.gguf`)
    await saveFile(path, writeGguf(checkpoint, { dtype, vocabulary }))
    const model = await llama.loadModel({ modelPath: path })
    const context = await model.createContext({ contextSize: 256 })
    const ids = []
    for await (const id of context.getSequence().evaluate([model.tokens.bos], { temperature: 0 })) {
      if (ids.push(id) === 100) break
    }
    const text = model.detokenize(ids)
    console.log(
      `${dtype.padEnd(5)} ${golden.startsWith(text) ? 'the golden text' : 'another text'}: ${text.slice(0, 60)}…`,
    )
    await context.dispose()
    await model.dispose()
  }
} finally {
  await Promise.all([checkpoint.close(), close(), llama.dispose()])
  rmSync(folder, { recursive: true })
}
