import { library } from '@cria/tsup'

// `#platform` stays an import. package.json maps it to the file system in Node and to the server in a page.
// Chunks are apart, so that a page whose models run in a worker does not load what computes here. `worker.js` stands beside
// them: its address is relative to theirs.
export default library({
  entry: {
    index: 'src/index.ts',
    serve: 'src/worker/index.ts',
    worker: 'src/worker/worker.ts',
    'platform/page': 'src/platform/page.ts',
  },
  dts: { entry: { index: 'src/index.ts', serve: 'src/worker/index.ts' } },
  external: ['#platform', /^node:/],
  splitting: true,
})
