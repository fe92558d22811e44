// node train/main.mjs [STORIES]: makes the model of this package again, from the stories to weights/stories.gguf and what the model card
// says of it. STORIES is a folder with the TinyStories files that prepare.mjs names; by default ../shared/data/stories beside the repository.
// Run `pnpm build` first. Finished work is not repeated: a stopped run continues.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = resolve(here, '../../..')
const build = join(here, 'build')
const stories = resolve(process.argv[2] ?? join(root, '../shared/data/stories'))
const weights = join(here, '../weights/stories.gguf')
const results = join(here, 'results')

const run = (args, { capture = false } = {}) => {
  const stdio = ['ignore', capture ? 'pipe' : 'inherit', capture ? 'ignore' : 'inherit']
  const { status, stdout } = spawnSync(process.execPath, args, { stdio, encoding: 'utf8', cwd: here })
  if (status !== 0) process.exit(status ?? 1)
  return stdout
}
const cria = (args, options) => run([join(root, 'apps/cli/dist/main.js'), ...args], options)

run([join(here, 'prepare.mjs'), stories, build])

const tokenizer = join(build, 'tokenizer.model')
if (!existsSync(tokenizer))
  cria(['train-tokenizer', '--input', join(build, 'tokenizer.txt'), '--vocab-size', '2048', '--output', tokenizer])

const folder = join(build, 'run')
const steps = () => (existsSync(folder) ? readdirSync(folder).filter(name => name.startsWith('step-')) : [])
cria(['train', '--config', join(here, 'config.json'), ...(steps().length > 0 ? ['--resume', folder] : [])])

// The step with the lowest held-out loss.
const log = readFileSync(join(folder, 'log.jsonl'), 'utf8').trim().split('\n').map(JSON.parse)
const best = log.filter(({ kind }) => kind === 'evaluation').sort((a, b) => a.bitsPerByte - b.bitsPerByte)[0]
const step = join(folder, `step-${String(best.step).padStart(8, '0')}`)
mkdirSync(join(weights, '..'), { recursive: true })
mkdirSync(results, { recursive: true })
cria(['convert', step, weights, '--weights', 'q8_0'])

const score = (model, style, ...more) =>
  JSON.parse(
    cria(
      [
        'evaluate',
        '--model',
        model,
        '--text',
        join(stories, 'tinystories-v1-valid.txt'),
        '--newlines',
        style,
        '--json',
        ...more,
      ],
      { capture: true },
    ),
  )
const evaluation = {
  step: best.step,
  bytes: statSync(weights).size,
  stories: score(weights, 'double'),
  storiesF32: score(step, 'double'),
}
writeFileSync(join(results, 'evaluation.json'), `${JSON.stringify(evaluation, null, 2)}\n`)

const samples = Array.from({ length: 10 }, (_, seed) => {
  const settings = ['--max-tokens', '400', '--temperature', '0.8', '--top-p', '0.9', '--seed', String(seed)]
  return `## Seed ${seed}\n\n${cria(['generate', '--model', weights, ...settings], { capture: true }).trim()}\n`
})
writeFileSync(join(results, 'samples.md'), `# Ten samples, by seeds 0 to 9\n\n${samples.join('\n')}`)

// Every tenth step of the log, and all evaluations.
const kept = log.filter(entry => entry.kind === 'evaluation' || (entry.kind === 'step' && entry.step % 10 === 0))
writeFileSync(join(results, 'log.jsonl'), kept.map(entry => `${JSON.stringify(entry)}\n`).join(''))
copyFileSync(tokenizer, join(results, 'tokenizer.model'))
console.log(`the learning curves are in ${join(folder, 'report.html')}`)
