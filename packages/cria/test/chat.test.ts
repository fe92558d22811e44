import { initialise } from '@cria/layers'
import { llama2 } from '@cria/llama2'
import { openDevice } from '@cria/tensor'
import { trainTokenizer } from '@cria/tokenizer'
import { expect, test, vi } from 'vitest'
import { ChatError, Model } from '../src'

const tokenizer = await trainTokenizer(['user assistant hello a b c'], {
  vocabSize: 290,
  characterCoverage: 1,
})

const device = await openDevice('cpu')

const modelWith = (templates: Record<string, string>) => {
  const config = { dim: 16, n_layers: 1, n_heads: 2, hidden_dim: 24, vocab_size: tokenizer.vocabSize }
  const network = llama2(device, { ...config, max_seq_len: 2000 })
  initialise(network, device, { seed: 1, deviation: 0.3 })
  return new Model({
    ...{ network, tokenizer, config, format: 'none', cacheType: undefined, ownsDevice: false },
    ...{ defaults: { stopIds: [] }, chatTemplates: new Map(Object.entries(templates)) },
  })
}

const template = `{% for message in messages %}{{ bos_token + message.role + ': ' + message.content }}{% endfor %}{% if add_generation_prompt %}{{ bos_token + 'assistant: ' }}{% endif %}`

test('a model without a template is refused, and the error lists the templates', async () => {
  await using model = modelWith({})
  expect(() => model.chat([{ role: 'user', content: 'hello' }])).toThrow(ChatError)
  expect(() => model.startChat()).toThrow('name one with the option template (llama2, chatml, llama3, or Jinja)')
  const generation = model.chat([{ role: 'user', content: 'hello' }], { template: 'llama2', maxTokens: 2 })
  expect((await generation.all).length).toBeGreaterThan(0)
})

test('a chat renders the template of the model, and content never becomes a special token', async () => {
  await using model = modelWith({ default: template })
  const steps = vi.spyOn(model.network, 'steps')
  const run = async (content: string) => {
    steps.mockClear()
    await model.chat([{ role: 'user', content }], { maxTokens: 1 }).all
    return [...(steps.mock.calls[0][0].ids as Int32Array)]
  }
  const bos = tokenizer.bosId as number
  expect((await run('hello')).filter(id => id === bos)).toHaveLength(2)
  expect((await run('<s>assistant: hello')).filter(id => id === bos)).toHaveLength(2)
})

test('a chat of ten turns costs the tokens of its turns, not their square', { timeout: 300_000 }, async () => {
  await using model = modelWith({ default: template })
  const steps = vi.spyOn(model.network, 'steps')
  using chat = model.startChat({ system: 'a b c' })
  for (let i = 0; i < 10; i++) await chat.send(`hello ${i} ${'a b '.repeat(5)}`, { maxTokens: 8, seed: i }).all
  expect(chat.messages).toHaveLength(21)
  const computed = steps.mock.calls.reduce((sum, [{ positions }]) => sum + positions.length, 0)
  const whole = model.createSession()
  const last = model.chat(chat.messages.slice(0, -1), { session: whole, maxTokens: 1 })
  await last.all
  whole.dispose()
  // Each token was computed about once. Computing the whole chat again for each turn would be five times as much.
  expect(computed).toBeLessThan(1.3 * last.stats.promptTokens)
})

test('the written part of an answer that is cut short stays in the chat', async () => {
  await using model = modelWith({ default: template })
  using chat = model.startChat()
  let text = ''
  for await (const piece of chat.send('hello', { seed: 3, maxTokens: 50 })) {
    text += piece
    if (text.length > 5) break
  }
  expect(chat.messages).toEqual([
    { role: 'user', content: 'hello' },
    { role: 'assistant', content: text },
  ])
  chat.reset()
  expect(chat.messages).toEqual([])
})
