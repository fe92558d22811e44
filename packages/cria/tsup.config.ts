import { library } from '@cria/tsup'

// `#platform` stays an import. package.json maps it to the file system in Node and to the server in a page.
// Separate chunks, so that a page whose models run in a worker does not load the code that computes here. `worker.js` is next to
// them, and its URL is relative to theirs.
export default library({
  entry: {
    index: 'src/index.ts',
    serve: 'src/worker/index.ts',
    worker: 'src/worker/worker.ts',
    'platform/page': 'src/platform/page.ts',
  },
  dts: { entry: { index: 'src/index.ts', serve: 'src/worker/index.ts' } },
  external: ['#platform', /^node:/],
})
