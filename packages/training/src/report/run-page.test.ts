import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import type { TrainingConfig } from '../config'
import type { LogEntry } from '../log'
import { htmlOf } from './html'
import { type RunReport, runPage } from './run-page'

const config: TrainingConfig = {
  model: { dim: 32, n_layers: 2, n_heads: 4, max_seq_len: 64 },
  tokenizer: 'tokenizer.model',
  data: {},
  training: { tokens: 1000, batchTokens: 100, learningRate: 1e-3 },
  checkpoints: { every: 10, keep: 2 },
  output: 'run',
}

const step = (step: number, sourceRows: number[]): LogEntry => {
  return {
    kind: 'step',
    step,
    loss: 6 / step,
    learningRate: 1e-3,
    gradientNorm: 1,
    tokens: 100,
    sourceRows,
    seconds: 0.5,
  }
}

const report: RunReport = {
  name: 'run',
  config,
  entries: [
    step(1, [3, 1]),
    step(2, [2, 2]),
    { kind: 'samples', step: 2, samples: [{ prompt: 'Once', text: ' upon' }] },
    {
      kind: 'evaluation',
      step: 2,
      nats: 3,
      perplexity: 20.1,
      bitsPerByte: 1.25,
      tokens: 10,
      bytes: 30,
      documents: 2,
      split: 0,
    },
  ],
  sources: [
    { name: 'web', share: 0.6 },
    { name: 'books', share: 0.4 },
  ],
  parameters: 12345,
  device: 'cpu',
  running: true,
}

test('a run as a page', () => {
  const document = parseHTML(htmlOf(runPage(report))).document
  const text = (selector: string) => Array.from(document.querySelectorAll(selector), node => node.textContent)
  expect(text('h2')).toEqual([
    ...['Loss', 'Held-out text', 'Learning rate', 'Norm of the gradient', 'Speed'],
    ...['Sources', 'Step 2', 'Config'],
  ])
  expect(text('td')).toEqual(['web', '60.00 %', '62.50 %', '5', 'books', '40.00 %', '37.50 %', '3'])
  expect(text('blockquote')[0]).toBe('Once upon')
  expect(text('header p')).toEqual([
    '12,345 parameters on cpu',
    'step 2 of 10, running',
    'held out: 1.2500 bits per byte, perplexity 20.10',
  ])
})

test('points of the loss are at the tokens that were read', () => {
  const [loss] = runPage(report).charts
  expect(loss).toMatchObject({
    series: [
      {
        points: [
          [100, 6],
          [200, 3],
        ],
      },
      {
        points: [
          [100, 6],
          [200, 4.5],
        ],
      },
      { points: [[200, 3]] },
    ],
  })
})

test('a run that has not done a step has a page', () => {
  expect(htmlOf(runPage({ ...report, entries: [] }))).toContain('step 0 of 10')
})
