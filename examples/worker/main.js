// A server that answers while a model writes. The model runs in a worker, so the main thread never waits for it.
// npm start, then: curl "localhost:3000/story?prompt=The+cat" and, meanwhile, curl localhost:3000

import { createServer } from 'node:http'
import { loadModel } from 'cria'

const model = await loadModel(undefined, { worker: true })

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname !== '/story') return response.end('ready\n')
  const controller = new AbortController()
  response.on('close', () => controller.abort()) // a reader who leaves ends the story
  const prompt = searchParams.get('prompt') ?? 'Once upon a time'
  try {
    const options = { maxTokens: 256, seed: 1, signal: controller.signal }
    for await (const text of model.generate(prompt, options)) response.write(text)
    response.end('\n')
  } catch (error) {
    if (!controller.signal.aborted) response.destroy(error instanceof Error ? error : undefined)
  }
})

const port = Number(process.env.PORT ?? 3000)
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`))
process.on('SIGTERM', async () => {
  server.close()
  server.closeAllConnections()
  await model.dispose()
})
