import ts from 'typescript'

/** What makes skipped tests run, by what their condition asks for. All that match are said. */
const remedies = [
  [/chromium|browser/i, 'install Chromium, or set CRIA_CHROMIUM to its path'],
  [
    /available|webgpu|inNode/i,
    '`pnpm cria devices` says what the device lacks on this machine; for a GPU that a processor emulates, set CRIA_EMULATED_GPU=1',
  ],
  [/emulated|testedInPages/, 'set CRIA_EMULATED_GPU=1'],
  [
    /stories|hasData|hasTexts|hasModel|hasWorstTexts|tokenizer|\b(model|valid|botchan|text)\b/i,
    'models and texts go into ../shared/data, beside the clone',
  ],
  [/hasFile/, 'set CRIA_TOKENIZERS to the folder that tooling/referee/tokenizer describes'],
  [/\bfile\b/, 'set CRIA_SMOLLM2 to the GGUF file'],
  [/existsSync\(folder\)/, 'set CRIA_SMOLLM2_TYPES to the folder that tooling/referee/smollm2 describes'],
  [/canMount/, 'run on Linux where `unshare` may make a mount namespace'],
  [/process\.platform/, 'run on Linux'],
  [/found === 'none'/, 'run on a CPU that multiplies int8 values'],
  [/usr\/bin\/script/, "install Debian's `bsdutils`, which has `script`"],
  [/installed|hasPeers|packageFolder|\bhere\b/, '`pnpm build`, then `pnpm bench peers` installs the other programs'],
  [/nativeHuggingFaceVersion/, '`pip install tokenizers` for the Python on the PATH'],
  [/nativeVersion/, "install Debian's `sentencepiece`"],
  [/isBuilt/, '`pnpm site` builds the site'],
  [/spawnSync\(runtime/, 'install the runtime that the test is named after'],
]

/**
 * What to do so that tests with this condition run; undefined if no remedy is known.
 *
 * @param {string} condition the argument of `skipIf`
 */
export const remedyOf = condition => {
  const found = remedies.filter(([pattern]) => pattern.test(condition)).map(([, remedy]) => remedy)
  return found.length === 0 ? undefined : found.join('; ')
}

/**
 * The `skipIf` calls of a test file: the condition, and the titles that it skips.
 *
 * @param {string} source the text of the file
 * @returns {{ condition: string, title: RegExp }[]} a title that the file computes matches everything
 */
export const skipsOf = source => {
  if (!source.includes('.skipIf(')) return [] // most files, which are not parsed
  const file = ts.createSourceFile('x.ts', source, ts.ScriptTarget.ES2022, true)
  const skips = []
  const visit = node => {
    if (ts.isCallExpression(node) && /\.skipIf$/.test(node.expression.getText())) {
      skips.push({ condition: node.arguments[0].getText(), title: titleOf(node) })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return skips
}

/** The first argument of the call of what `skipIf` returned, or of its `each`. */
const titleOf = skipIf => {
  let call = skipIf.parent
  if (ts.isPropertyAccessExpression(call)) call = call.parent.parent
  const title = call && ts.isCallExpression(call) ? call.arguments[0] : undefined
  if (title && ts.isStringLiteralLike(title)) return patternOf(title.text)
  if (title && ts.isTemplateExpression(title))
    return patternOf([title.head.text, ...title.templateSpans.map(({ literal }) => literal.text)].join('%s'))
  return /^.*$/
}

/** Values of a parametrised title, `%s` or `$name`, may be any text. */
const patternOf = title => {
  const parts = title.split(/%[sdifjo#]|\$[\w.]+/).map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}

/**
 * The remedy for a skipped test: that of the outermost of its titles that a `skipIf` of its file skips.
 *
 * @param {string} source the text of its file
 * @param {readonly string[]} path its titles, the outermost first
 */
export const remedyFor = (source, path) => {
  const skips = skipsOf(source)
  for (const name of path) {
    const matching = skips.filter(({ title }) => title.test(name))
    // `on webgpu in Chromium` matches `on .*` too: the longer pattern says more.
    const [skip] = matching.sort((a, b) => b.title.source.length - a.title.source.length)
    if (skip) return remedyOf(skip.condition)
  }
  return undefined
}
