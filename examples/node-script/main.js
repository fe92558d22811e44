// Writes a story in the terminal: npm start "The cat"

import { loadModel } from 'cria'

const prompt = process.argv[2] ?? 'Once upon a time'

// Without an argument this is the built-in model. You can pass a folder, a GGUF file, a URL or hf:OWNER/NAME.
const model = await loadModel()
process.stdout.write(prompt)
for await (const text of model.generate(prompt, { maxTokens: 64, seed: 1 })) process.stdout.write(text)
process.stdout.write('\n')
await model.dispose()
