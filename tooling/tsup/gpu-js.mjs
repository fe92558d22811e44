import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const symbols = fileURLToPath(new URL('./dispose-symbols.mjs', import.meta.url))

/** Imports the symbols where they are used: an injected file would become a side effect of every module around gpu.js. */
const withSymbols = text =>
  /\bSymbol\.(asyncDispose|dispose)\b/.test(text)
    ? `import { symbolDispose, symbolAsyncDispose } from ${JSON.stringify(symbols)}; ${text}`
    : text

/**
 * Replaces the function given to `kernel(name, parameters, function)` by its text. gpu.js compiles kernels from their source,
 * which a user's minifier, or a helper that keeps names, could otherwise change after our tests.
 */
export const embedKernels = () => ({
  name: 'embed-kernels',
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      return { contents: withSymbols(text.includes('kernel(') ? embed(path, text) : text), loader: 'ts' }
    })
  },
})

const embed = (path, text) => {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)
  const replacements = []
  const visit = node => {
    const compute = ts.isCallExpression(node) && node.expression.getText() === 'kernel' ? node.arguments[2] : undefined
    if (compute && ts.isFunctionExpression(compute)) replacements.push([compute.getStart(), compute.end])
    else ts.forEachChild(node, visit)
  }
  visit(file)
  return replacements.reduceRight(
    (result, [start, end]) =>
      result.slice(0, start) + JSON.stringify(plain(text.slice(start, end))) + result.slice(end),
    text,
  )
}

/** The function without its types and comments, as JavaScript. */
const plain = source => {
  const options = { target: ts.ScriptTarget.ES2022, removeComments: true }
  return ts
    .transpile(`(${source})`, options)
    .trim()
    .replace(/^\(|\);$/g, '')
}

/**
 * Lets a bundled CommonJS library ask for these packages when it runs, by the `nodeRequire` of the module given: it finds them in
 * Node where they are installed, and gives undefined elsewhere.
 */
export const foundAtRunTime = (names, nodeRequire) => ({
  name: 'found-at-run-time',
  setup(build) {
    build.onResolve({ filter: new RegExp(`^(${names.join('|')})$`) }, ({ path }) => ({ path, namespace: 'run-time' }))
    build.onResolve({ filter: /^node-require$/, namespace: 'run-time' }, () => ({ path: fileURLToPath(nodeRequire) }))
    build.onLoad({ filter: /.*/, namespace: 'run-time' }, ({ path }) => ({
      contents: `module.exports = require('node-require').nodeRequire('${path}')`,
    }))
  },
})
