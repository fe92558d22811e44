// The same in Deno: deno task start "The cat" (with leave to read the package, and to count the cores)

import process from 'node:process'
import { loadModel } from 'cria'

const prompt = process.argv[2] ?? 'Once upon a time'

await using model = await loadModel()
process.stdout.write(prompt)
for await (const text of model.generate(prompt, { maxTokens: 64, seed: 1 })) process.stdout.write(text)
process.stdout.write('\n')
