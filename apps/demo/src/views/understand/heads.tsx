import { useCallback, useState } from 'preact/hooks'
import { engine, type KvCacheFacts } from '../../engine'
import { bytes } from '../../format'
import { Chart, type Sheet } from '../../ui/chart'
import { Segments, Slider } from '../../ui/fields'
import { useAnswer } from '../../ui/use-answer'
import { Panel } from './panel'

const heads = 8
const contexts = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768]

export const HeadsPanel = () => (
  <Panel
    title="Heads that share their memory"
    text={
      <>
        Attention runs in several heads, each with its own queries, keys and values. While a model writes, it keeps the
        keys and values of all tokens so far: the cache. In multi-head attention (MHA) every query head has a cache of
        its own.
      </>
    }
    more={
      <>
        In grouped-query attention (GQA) several query heads read the same keys and values, and in multi-query attention
        (MQA) all read one. That makes the cache smaller, so longer texts and more users fit into memory. LLaMA 2 70B
        has 64 query heads on 8 key and value heads.
      </>
    }
    task="let the heads share, and see how much memory each published model needs for a long text."
    source={
      <>
        Ainslie et al. 2023, LLaMA 2 section 2.2. Sizes by <code>describeConfig</code> and <code>publishedSizes</code>{' '}
        of <code>cria</code>; the cache in f16, 2 bytes a number.
      </>
    }
  >
    <Sharing />
    <Caches />
  </Panel>
)

const kinds: Readonly<Record<number, string>> = { 8: 'MHA', 4: 'GQA', 2: 'GQA', 1: 'MQA' }

const Sharing = () => {
  const [kvHeads, setKvHeads] = useState(2)
  const draw = useCallback((sheet: Sheet) => drawSharing(sheet, kvHeads), [kvHeads])
  return (
    <div class="picture">
      <h3>Who reads whose keys and values</h3>
      <Segments
        label="Key and value heads"
        value={kvHeads}
        options={[8, 4, 2, 1].map(value => ({ value, name: `${value} (${kinds[value]})` }))}
        onChange={setKvHeads}
      />
      <Chart
        label={`8 query heads above ${kvHeads} key and value heads; lines lead from each query head to the one that it reads.`}
        height={170}
        draw={draw}
        caption={`The cache is ${kvHeads === heads ? 'as large as it gets' : `${heads / kvHeads} times smaller than with MHA`}.`}
      />
    </div>
  )
}

const drawSharing = ({ Plot, width, colours }: Sheet, kvHeads: number) => {
  const group = heads / kvHeads
  const queries = Array.from({ length: heads }, (_, head) => ({
    x: head + 0.5,
    y: 1,
    to: (Math.floor(head / group) + 0.5) * group,
    kv: Math.floor(head / group),
  }))
  const keys = Array.from({ length: kvHeads }, (_, kv) => ({ x: (kv + 0.5) * group, y: 0, kv }))
  const colour = ({ kv }: { kv: number }) => colours.series[kv % colours.series.length]
  return Plot.plot({
    width,
    height: 170,
    marginLeft: 62,
    marginTop: 18,
    marginBottom: 22,
    x: { domain: [0, heads], axis: null },
    y: { domain: [0, 1], axis: null },
    marks: [
      Plot.link(queries, { x1: 'x', y1: () => 1, x2: 'to', y2: () => 0, stroke: colour, strokeWidth: 2 }),
      Plot.dot(queries, { x: 'x', y: 'y', r: 11, fill: colours.surface, stroke: colour, strokeWidth: 2.5 }),
      Plot.text(queries, { x: 'x', y: 'y', text: (_: unknown, i: number) => `q${i + 1}`, fill: colours.ink }),
      Plot.dot(keys, { x: 'x', y: 'y', r: 15, symbol: 'square', fill: colour }),
      Plot.text(keys, {
        x: 'x',
        y: 'y',
        text: (_: unknown, i: number) => `kv${i + 1}`,
        fill: colours.surface,
        fontWeight: 650,
      }),
      Plot.text(['queries'], { x: () => 0, y: () => 1, dx: -58, textAnchor: 'start', fill: colours.muted }),
      Plot.text(['keys, values'], {
        x: () => 0,
        y: () => 0,
        dx: -58,
        textAnchor: 'start',
        fill: colours.muted,
        lineWidth: 4,
      }),
    ],
  })
}

const Caches = () => {
  const [at, setAt] = useState(4)
  const context = contexts[at]
  const caches = useAnswer(() => engine.kvCaches(), [])
  const draw = useCallback((sheet: Sheet) => drawCaches(sheet, caches ?? [], context), [caches, context])
  return (
    <div class="picture">
      <h3>Cache of the published models, for one text</h3>
      <Chart
        label={
          caches
            ? `Cache for ${context} tokens: ${caches.map(({ name, bytesPerToken }) => `${name} ${bytes(bytesPerToken * context)}`).join(', ')}.`
            : 'Cache sizes are being counted.'
        }
        height={300}
        draw={draw}
        caption="LLaMA 2 70B shares keys and values among groups of 8 query heads: its cache is smaller than that of the 7B."
      />
      <div class="fields">
        <Slider
          label="Length of the text"
          value={at}
          min={0}
          max={contexts.length - 1}
          shown={`${context.toLocaleString('en')} tokens`}
          onInput={setAt}
        />
      </div>
    </div>
  )
}

const drawCaches = ({ Plot, width, colours }: Sheet, caches: readonly KvCacheFacts[], context: number) => {
  const bars = caches.map(({ name, heads, kvHeads, bytesPerToken }) => ({
    name: `${name}`,
    shared: kvHeads < heads,
    gigabytes: (bytesPerToken * context) / 1e9,
    text: bytes(bytesPerToken * context),
  }))
  return Plot.plot({
    width,
    height: 300,
    marginLeft: 84,
    marginRight: 64,
    marginBottom: 36,
    x: { label: 'gigabytes →', labelAnchor: 'center', ticks: width < 480 ? 4 : 8 },
    y: { label: null, domain: bars.map(({ name }) => name), tickSize: 0 },
    marks: [
      Plot.gridX({ stroke: colours.line, strokeOpacity: 1, ticks: width < 480 ? 4 : 8 }),
      Plot.barX(bars, {
        y: 'name',
        x: 'gigabytes',
        fill: (bar: { shared: boolean }) => (bar.shared ? colours.warm : colours.accent),
        insetTop: 1,
        insetBottom: 1,
      }),
      Plot.text(bars, { y: 'name', x: 'gigabytes', text: 'text', dx: 6, textAnchor: 'start', fill: colours.ink }),
      Plot.ruleX([0], { stroke: colours.muted }),
    ],
  })
}
