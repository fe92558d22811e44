import { useCallback, useState } from 'preact/hooks'
import { engine, type Mixture } from '../../engine'
import { count } from '../../format'
import { Chart, type Sheet } from '../../ui/chart'
import { Slider } from '../../ui/fields'
import { useAnswer } from '../../ui/use-answer'
import { Panel } from './panel'

const rows = 200

export const MixturePanel = () => {
  const [trillions, setTrillions] = useState(1.4)
  const answer = useAnswer(() => engine.mixture(trillions * 1e12, rows), [trillions])
  const drawUse = useCallback((sheet: Sheet) => drawEpochs(sheet, answer), [answer])
  const drawOrder = useCallback((sheet: Sheet) => drawRows(sheet, answer), [answer])
  return (
    <Panel
      title="What a LLaMA reads"
      text="The first LLaMA learned from seven public sources. Each has a share of the training text, and a size. A large source is read about once; a small one with a fair share, such as Wikipedia, is read more than twice: so many epochs."
      more="The order of the sources is even: at any moment each source has had its share, to within one row of text. Which row comes when depends on its number alone, so training can stop and go on."
      task="let the model read more or less in all, and see which source it has to read again."
      source={
        <>
          LLaMA section 2.1, table 1. Computed by <code>llamaMixture</code>, <code>planMixture</code> and{' '}
          <code>createMixture</code> of <code>@cria/data-mixture</code>.
        </>
      }
    >
      <div class="picture">
        <h3>How often each source is read</h3>
        <Slider
          label="Text read in all"
          value={trillions}
          min={0.2}
          max={3}
          step={0.1}
          shown={`${trillions.toFixed(1)} trillion tokens`}
          hint="LLaMA 65B read 1.4 trillion tokens."
          onInput={setTrillions}
        />
        <Chart
          label={
            answer
              ? `Epochs of each source: ${answer.sources.map(({ name, epochs }) => `${name} ${epochs.toFixed(2)}`).join(', ')}.`
              : 'The epochs are being counted.'
          }
          height={300}
          draw={drawUse}
          caption="The line at 1 is one pass through all of a source."
        />
      </div>
      <div class="picture">
        <h3>The first {rows} rows of training, by source</h3>
        <Chart
          label={
            answer
              ? `Rows of each source among the first ${rows}: ${answer.sources.map(({ name }, index) => `${name} ${answer.order.filter(at => at === index).length}`).join(', ')}.`
              : 'The order is being computed.'
          }
          height={120}
          draw={drawOrder}
          caption="Read from left to right, line by line. Colours as above."
        />
      </div>
    </Panel>
  )
}

const drawEpochs = ({ Plot, width, colours }: Sheet, answer: Mixture | undefined) => {
  const bars = (answer?.sources ?? []).map((source, index) => ({ ...source, fill: colours.series[index] }))
  const most = Math.max(2.6, ...bars.map(({ epochs }) => epochs * 1.1))
  return Plot.plot({
    width,
    height: 300,
    marginLeft: 106,
    marginRight: width < 480 ? 40 : 150,
    marginBottom: 36,
    marginTop: 8,
    x: { domain: [0, most], label: 'epochs →', labelAnchor: 'center', ticks: 6 },
    y: { domain: bars.map(({ name }) => name), label: null, tickSize: 0, padding: 0.2 },
    marks: [
      Plot.gridX({ stroke: colours.line, strokeOpacity: 1, ticks: 6 }),
      Plot.barX(bars, { y: 'name', x: 'epochs', fill: 'fill' }),
      Plot.ruleX([1], { stroke: colours.ink, strokeDasharray: '4 3' }),
      Plot.ruleX([0], { stroke: colours.muted }),
      Plot.text(bars, {
        y: 'name',
        x: 'epochs',
        dx: 6,
        textAnchor: 'start',
        text: ({ epochs, tokens, share }) =>
          width < 480
            ? epochs.toFixed(2)
            : `${epochs.toFixed(2)}: ${count(tokens)} (${Number((share * 100).toFixed(1))}%)`,
        fill: colours.ink,
      }),
    ],
  })
}

const drawRows = ({ Plot, width, colours }: Sheet, answer: Mixture | undefined) => {
  const columns = width < 480 ? 20 : 40
  const cells = (answer?.order ?? []).map((source, row) => ({
    x: row % columns,
    y: Math.floor(row / columns),
    fill: colours.series[source],
  }))
  const side = width / columns
  return Plot.plot({
    width,
    height: (side * rows) / columns,
    margin: 0,
    x: { axis: null, padding: 0.12 },
    y: { axis: null, padding: 0.12 },
    marks: [Plot.cell(cells, { x: 'x', y: 'y', fill: 'fill', rx: 2 })],
  })
}
