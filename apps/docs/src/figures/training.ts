import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LogEntry, warmupCosine } from '@cria/training'
import * as Plot from '@observablehq/plot'
import { root } from '../packages'
import { colours, draw, type Figure, grid } from './plot'

/** LLaMA 7B: 1.0 trillion tokens in batches of 4 million, 2,000 steps of warm-up, a peak of 3e-4 (section 2.3, table 2). */
const paper = { learningRate: 3e-4, warmupSteps: 2000, steps: 1e12 / 4e6 }

/** The learning rate of the paper's run, by `warmupCosine`. */
export const learningRate = (): Figure => {
  const schedule = warmupCosine(paper)
  const steps = [
    ...Array.from({ length: 20 }, (_, i) => 1 + i * 100),
    ...Array.from({ length: 250 }, (_, i) => (i + 1) * 1000),
  ]
  const points = steps.sort((a, b) => a - b).map(step => ({ step, rate: schedule(step) }))
  const last = schedule(paper.steps)
  return draw(`The learning rate rises to 3e-4 in 2,000 steps, and falls along a cosine to ${last.toExponential(0)}.`, {
    height: 240,
    marginLeft: 60,
    x: { label: 'step', ticks: 6 },
    y: { label: 'learning rate', ticks: 4, zero: true, tickFormat: rate => (rate === 0 ? '0' : rate.toExponential(0)) },
    marks: [
      Plot.gridY({ ticks: 4, ...grid }),
      Plot.line(points, { x: 'step', y: 'rate', stroke: colours.series(0), strokeWidth: 2 }),
    ],
  })
}

const log = 'packages/model-stories/train/results/log.jsonl'

/** The run that made the embedded model, from its log: the loss of every tenth step, and of held-out text. */
export const trainingLoss = (): Figure => {
  const lines = readFileSync(join(root, log), 'utf8').trim().split('\n')
  const entries = lines.map(line => JSON.parse(line) as LogEntry)
  const steps = entries.flatMap(entry => (entry.kind === 'step' ? [entry] : []))
  const held = entries.flatMap(entry => (entry.kind === 'evaluation' ? [entry] : []))
  const [first, last] = [held[0], held[held.length - 1]]
  const told = `Nats a token of held-out text: ${first.nats.toFixed(2)} at step ${first.step}, ${last.nats.toFixed(2)} at step ${last.step}.`
  return draw(told, {
    height: 280,
    x: { label: 'step', ticks: 8 },
    y: { label: 'loss in nats a token', ticks: 6, nice: true },
    marks: [
      Plot.gridY({ ticks: 6, ...grid }),
      Plot.line(steps, { x: 'step', y: 'loss', stroke: colours.series(0), strokeWidth: 1.5 }),
      Plot.dot(held, { x: 'step', y: 'nats', fill: colours.series(1), r: 4 }),
    ],
  })
}
