// POST { "prompt": "The cat" } answers with the text of the model as it comes.

import { loadModel } from 'cria'

// One model for all requests, loaded by the first one, in a worker: the server still answers while it computes.
let loading: ReturnType<typeof load> | undefined
const load = () => loadModel(undefined, { worker: true })

export async function POST(request: Request): Promise<Response> {
  const { prompt } = await request.json().catch(() => ({}))
  if (typeof prompt !== 'string' || prompt.length > 1000)
    return Response.json({ error: 'prompt must be a text of at most 1000 characters' }, { status: 400 })
  loading ??= load()
  const model = await loading
  const reader = new AbortController() // a reader who leaves ends the story
  const signal = AbortSignal.any([request.signal, reader.signal])
  const body = new ReadableStream<string>({
    async start(controller) {
      try {
        const story = model.generate(prompt, { maxTokens: 64, seed: 1, signal })
        for await (const text of story) controller.enqueue(text)
        controller.close()
      } catch (error) {
        controller.error(error)
      }
    },
    cancel: () => reader.abort(),
  })
  return new Response(body.pipeThrough(new TextEncoderStream()), {
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  })
}
