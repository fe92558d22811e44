import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import type { TrainingConfig } from '../config'
import type { LogEntry } from '../log'
import { htmlOf } from './html'
import type { Curves } from './page'
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

test('each curve has its axes, its caption, and its points', () => {
  const { title, charts, notes, refresh } = runPage({ ...report, running: true })
  expect({ title, refresh }).toEqual({ title: 'Training run', refresh: 30 })
  expect(notes).toEqual(['Points are means of neighbouring steps where there are more than a chart can show.'])
  const one = (name: string, first: number, second: number) => [
    {
      name,
      points: [
        [100, first],
        [200, second],
      ],
    },
  ]
  expect(charts).toEqual([
    {
      kind: 'curves',
      title: 'Loss',
      caption: 'Mean of -ln p of the next token, in nats. Lower is better.',
      x: 'tokens',
      y: 'nats a token',
      series: [
        { ...one('training, each step', 6, 3)[0], faint: true },
        ...one('training, mean of 20 steps', 6, 4.5),
        { name: 'held out', points: [[200, 3]] },
      ],
    },
    {
      kind: 'curves',
      title: 'Held-out text',
      caption: 'Bits for each byte of text that the model was not trained on. Lower is better.',
      x: 'tokens',
      y: 'bits per byte',
      series: [{ name: 'held out', points: [[200, 1.25]] }],
    },
    {
      kind: 'curves',
      title: 'Learning rate',
      caption: 'Linear warm-up, then a cosine.',
      x: 'tokens',
      y: 'learning rate',
      yFromZero: true,
      series: one('learning rate', 1e-3, 1e-3),
    },
    {
      kind: 'curves',
      title: 'Norm of the gradient',
      caption: 'Before clipping to 1.',
      x: 'tokens',
      y: 'norm',
      yFromZero: true,
      series: one('norm', 1, 1),
    },
    {
      kind: 'curves',
      title: 'Speed',
      caption: 'Tokens a second, forward, backward and update.',
      x: 'tokens',
      y: 'tokens a second',
      yFromZero: true,
      series: one('speed', 200, 200), // 100 tokens in half a second
    },
  ])
})

test('the page of a run that has ended', () => {
  const training = { ...config.training, clip: 0.5, tokens: 1_200_000 }
  const samples = [1, 2, 3, 1200].map(step => ({ kind: 'samples', step, samples: [{ prompt: 'a', text: `${step}` }] }))
  const found = runPage({
    ...report,
    running: false,
    config: { ...config, training },
    entries: [...(samples as LogEntry[]), step(1200, [3000, 1000])],
    sources: [{ name: 'web' }, { name: 'books', share: 0.125 }],
  })
  expect(found).not.toHaveProperty('refresh')
  expect(found.about).toEqual(['12,345 parameters on cpu', 'step 1,200 of 12,000'])
  expect(found.charts[2].caption).toBe('Before clipping to 0.5.')
  expect(found.texts.slice(0, 3)).toEqual([
    { title: 'Step 1,200', text: 'a1200' },
    { title: 'Step 3', text: 'a3' },
    { title: 'Step 2', text: 'a2' },
  ])
  expect(found.texts[3].title).toBe('Config')
  expect(JSON.parse(found.texts[3].text)).toEqual({ ...config, training })
  expect(found.tables).toEqual([
    {
      title: 'Sources',
      columns: ['source', 'asked', 'given', 'rows'],
      rows: [
        ['web', '', '75.00 %', '3,000'],
        ['books', '12.50 %', '25.00 %', '1,000'],
      ],
    },
  ])
})

test('the smooth curve is the mean of the last 20 steps', () => {
  const entries = Array.from({ length: 25 }, (_, i): LogEntry => ({ ...step(i + 1, [1, 1]), loss: i + 1 }) as LogEntry)
  const [, smooth] = (runPage({ ...report, entries }).charts[0] as Curves).series
  // The mean of 1 to n is (n + 1) / 2; that of 2 to 21 is 11.5, that of 6 to 25 is 15.5.
  expect([0, 1, 18, 19, 20, 24].map(i => smooth.points[i])).toEqual([
    ...[
      [100, 1],
      [200, 1.5],
      [1900, 10],
      [2000, 10.5],
      [2100, 11.5],
      [2500, 15.5],
    ],
  ])
})

test('a run that has not done a step has a page', () => {
  const page = runPage({ ...report, entries: [] })
  expect(htmlOf(page)).toContain('step 0 of 10')
  expect(page.about).toHaveLength(2)
  expect(page.charts.map(({ title }) => title)).not.toContain('Held-out text')
  expect(page.tables[0].rows).toEqual([
    ['web', '60.00 %', '0.00 %', '0'],
    ['books', '40.00 %', '0.00 %', '0'],
  ])
})
