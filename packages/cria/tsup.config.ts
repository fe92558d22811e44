import { library } from '@cria/tsup'

// `#platform` stays an import. package.json maps it to the file system in Node and to the server in a page.
export default library({
  entry: ['src/index.ts', 'src/platform/page.ts'],
  dts: { entry: 'src/index.ts' },
  external: ['#platform', /^node:/],
})
