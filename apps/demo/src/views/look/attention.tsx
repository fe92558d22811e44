import { useCallback } from 'preact/hooks'
import { percent, readable } from '../../format'
import { model } from '../../state'
import { Chart, type Sheet } from '../../ui/chart'
import { Card, Slider } from '../../ui/fields'
import { head, heads, layer, weights } from './attention-state'
import { inspection, position } from './state'

/** Which tokens each token looks at: a map for each head, those that share keys and values side by side. */
export const Attention = () => {
  const { value: facts } = model
  const { value: seen } = inspection
  if (!facts || !seen) return null
  const time = seen.tokens.length
  const group = facts.heads / facts.kvHeads
  return (
    <Card
      title="Who looks at whom"
      lead="Each token gathers from the tokens before it. A row of a map is one token, a column what it looks at; more colour is more. Choose a token above, a layer and a head. The first token often takes what is not needed elsewhere."
    >
      <Slider
        label="Layer"
        value={layer.value + 1}
        min={1}
        max={facts.layers}
        shown={`${layer.value + 1} of ${facts.layers}`}
        onInput={value => {
          layer.value = value - 1
        }}
      />
      <div class="attention">
        <div class="head-groups">
          {Array.from({ length: facts.kvHeads }, (_, kv) => (
            <fieldset key={kv} class="head-group">
              <legend>{group > 1 ? 'share keys and values' : 'own keys and values'}</legend>
              {Array.from({ length: group }, (_, i) => (
                <Thumbnail key={i} index={kv * group + i} time={time} />
              ))}
            </fieldset>
          ))}
        </div>
        <BigMap />
      </div>
    </Card>
  )
}

const Thumbnail = ({ index, time }: { index: number; time: number }) => {
  const values = heads.value[index]
  const draw = useCallback((sheet: Sheet) => drawMap(sheet, values, time), [values, time])
  return (
    <button
      type="button"
      class="head"
      aria-pressed={head.value === index}
      onClick={() => {
        head.value = index
      }}
    >
      <Chart height={64} draw={draw} />
      head {index + 1}
    </button>
  )
}

/** The map alone, without axes. */
const drawMap = ({ Plot, width, colours }: Sheet, values: Float32Array | undefined, time: number) =>
  Plot.plot({
    width,
    height: width,
    margin: 0,
    axis: null,
    y: { reverse: true },
    color: { type: 'sqrt', domain: [0, 1], range: [colours.surface, colours.accent] },
    marks: [
      Plot.frame({ stroke: colours.line }),
      ...(values ? [Plot.raster(values, { width: time, height: time, imageRendering: 'pixelated' })] : []),
    ],
  })

const BigMap = () => {
  const { value: seen } = inspection
  const tokens = seen?.tokens ?? []
  const values = weights.value
  const chosen = position.value
  const draw = useCallback(
    (sheet: Sheet) =>
      drawBigMap(
        sheet,
        values,
        tokens.map(({ piece }) => readable(piece)),
        chosen,
      ),
    [values, seen, chosen],
  )
  const row = values?.subarray(chosen * tokens.length, chosen * tokens.length + chosen + 1)
  const most = row
    ? Array.from(row.keys())
        .sort((a, b) => row[b] - row[a])
        .slice(0, 3)
    : []
  const words = most.map(at => `“${readable(tokens[at].piece)}” ${row ? percent(row[at]) : ''}`).join(', ')
  return (
    <div class="picture">
      <h3>
        Layer {layer.value + 1}, head {head.value + 1}
      </h3>
      <Chart
        label={`Attention map. The chosen token “${readable(tokens[chosen]?.piece ?? '')}” looks most at ${words}.`}
        height={380}
        draw={draw}
        caption={`The framed row is “${readable(tokens[chosen]?.piece ?? '')}”. It looks most at ${words || '…'}.`}
      />
    </div>
  )
}

/** Tokens that still have room for their names. */
const named = 40

const drawBigMap = (
  { Plot, width, colours }: Sheet,
  values: Float32Array | undefined,
  pieces: readonly string[],
  chosen: number,
) => {
  const time = pieces.length
  const side = Math.min(width, 560)
  const withNames = time <= named
  const ticks = Array.from({ length: time }, (_, i) => i + 0.5)
  const name = (at: number) => pieces[Math.floor(at)] ?? ''
  return Plot.plot({
    width: side,
    height: side,
    marginLeft: withNames ? 70 : 34,
    marginTop: withNames ? 62 : 44,
    marginRight: 4,
    marginBottom: 6,
    x: {
      domain: [0, time],
      axis: 'top',
      label: withNames ? null : 'number of the token that is looked at →',
      labelAnchor: 'center',
      tickSize: 0,
      ...(withNames ? { ticks, tickFormat: name, tickRotate: -60 } : { ticks: side < 400 ? 4 : 10 }),
    },
    y: { domain: [time, 0], label: null, tickSize: 0, ...(withNames ? { ticks, tickFormat: name } : {}) },
    color: { type: 'sqrt', domain: [0, 1], range: [colours.surface, colours.accent] },
    marks: [
      ...(values
        ? [
            Plot.raster(values, {
              width: time,
              height: time,
              x1: 0,
              x2: time,
              y1: 0,
              y2: time,
              imageRendering: 'pixelated',
            }),
          ]
        : []),
      Plot.rect([chosen], {
        x1: () => 0,
        x2: () => chosen + 1,
        y1: () => chosen,
        y2: () => chosen + 1,
        stroke: colours.warm,
        strokeWidth: 2,
      }),
    ],
  })
}
