import { library } from '@cria/tsup'

// `#weights` stays an import, so that the weights are a separate module.
export default library({
  entry: ['src/index.ts', 'src/weights/bundled.ts'],
  dts: { entry: 'src/index.ts' },
  external: ['#weights'],
  loader: { '.gguf': 'binary' },
  sourcemap: false,
})
