import { useCallback } from 'preact/hooks'
import type { OpTime } from '../../engine'
import { percent } from '../../format'
import { model } from '../../state'
import { Chart, type Sheet } from '../../ui/chart'
import { Card } from '../../ui/fields'
import { inspection } from './state'

/** Where the time of the pass went. */
export const Times = () => {
  const { value: seen } = inspection
  const times = [...(seen?.times ?? [])].sort((a, b) => b.milliseconds - a.milliseconds)
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
  const draw = useCallback((sheet: Sheet) => drawTimes(sheet, times, total), [seen])
  if (!seen) return null
  return (
    <Card
      title="Where the time goes"
      lead={`The model read ${seen.tokens.length} tokens in ${total.toFixed(1)} ms on ${model.value?.device}. This is its work by kind of operation.`}
    >
      <Chart
        label={times.map(({ op, milliseconds }) => `${op} ${milliseconds.toFixed(1)} milliseconds`).join(', ')}
        height={34 * times.length + 40}
        draw={draw}
        caption="linear: products with the weight matrices. attention: what tokens gather from those before. rmsNorm: normalising. siluMul: the gate of the feed-forward network. rope: the rotation of positions."
      />
    </Card>
  )
}

const drawTimes = ({ Plot, width, colours }: Sheet, times: readonly OpTime[], total: number) =>
  Plot.plot({
    width,
    height: 34 * times.length + 40,
    marginLeft: 116,
    marginRight: 110,
    marginTop: 4,
    marginBottom: 36,
    x: { label: 'milliseconds →', labelAnchor: 'center', ticks: width < 500 ? 3 : 6 },
    y: { domain: times.map(({ op }) => op), label: null, tickSize: 0, padding: 0.2 },
    marks: [
      Plot.gridX({ stroke: colours.line, strokeOpacity: 1, ticks: width < 500 ? 3 : 6 }),
      Plot.barX(times, { y: 'op', x: 'milliseconds', fill: colours.accent }),
      Plot.ruleX([0], { stroke: colours.muted }),
      Plot.text(times, {
        y: 'op',
        x: 'milliseconds',
        dx: 6,
        textAnchor: 'start',
        text: ({ milliseconds, calls }) =>
          `${percent(milliseconds / total)}, ${calls} ${calls === 1 ? 'call' : 'calls'}`,
        fill: colours.ink,
      }),
    ],
  })
