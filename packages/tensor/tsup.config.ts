import { library } from '@cria/tsup'
import { embedKernels, foundAtRunTime } from '@cria/tsup/gpu-js'

// gpu.js goes into the package: as a dependency it would make a plain install build headless-gl and fetch an old Dawn.
// What it requires of Node is looked for at run time, so that one build serves Node and pages.
const atRunTime = ['gl', 'os', 'worker_threads']

// Each device is a separate chunk, loaded when it is opened.
export default library({
  noExternal: ['gpu.js', ...atRunTime], // what is external is not seen by the plugins
  inject: [], // embedKernels imports the symbols of `using`
  esbuildPlugins: [
    embedKernels(),
    foundAtRunTime(atRunTime, new URL('./src/devices/node-require.ts', import.meta.url)),
  ],
  esbuildOptions(options: { mainFields?: string[] }) {
    options.mainFields = ['main']
  },
})
