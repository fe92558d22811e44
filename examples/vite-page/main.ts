// A page in which a model writes. It runs in a worker, so the page stays responsive.

import { loadModel } from 'cria'

const form = document.querySelector('form') as HTMLFormElement
const button = document.querySelector('button') as HTMLButtonElement
const status = document.querySelector('[role=status]') as HTMLElement
const output = document.querySelector('output') as HTMLOutputElement

const model = await loadModel(undefined, { worker: true })
status.textContent = `Ready on ${model.device.name}.`
button.disabled = false

form.addEventListener('submit', async event => {
  event.preventDefault()
  button.disabled = true
  const prompt = String(new FormData(form).get('prompt'))
  output.textContent = prompt
  for await (const text of model.generate(prompt, { maxTokens: 64, seed: 1 })) output.textContent += text
  button.disabled = false
})
