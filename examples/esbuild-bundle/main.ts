// A page without a framework. esbuild puts what a device or a model needs into chunks that load when they are used.

import { loadModel } from 'cria'

const output = document.querySelector('output') as HTMLOutputElement

await using model = await loadModel()
const prompt = 'Once upon a time'
output.textContent = prompt
for await (const text of model.generate(prompt, { maxTokens: 64, seed: 1 })) output.textContent += text
output.dataset.done = 'true'
