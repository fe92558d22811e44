import { serve } from './rpc'

// The script of both workers of the page: the name tells which one this is. They are one script, so that the code that both
// need is fetched once.

/** What comes while the worker's part is still being loaded. */
const waiting: MessageEvent[] = []
const wait = (event: MessageEvent) => waiting.push(event)
addEventListener('message', wait)

if (self.name === 'model') (await import('cria/worker')).serveModels()
else serve((await import('./lab/offer')).offer)

removeEventListener('message', wait)
for (const { data } of waiting) dispatchEvent(new MessageEvent('message', { data }))
