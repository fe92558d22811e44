import { useCallback, useState } from 'preact/hooks'
import { engine } from '../../engine'
import { Chart, type Sheet } from '../../ui/chart'
import { Slider } from '../../ui/fields'
import { useAnswer } from '../../ui/use-answer'
import { Panel } from './panel'

const start = [0.9, -0.4, 0.3, -1.2, 1.6, 0.1, -0.7, 0.5]

export const NormPanel = () => {
  const [scale, setScale] = useState(1)
  const [shift, setShift] = useState(0)
  const values = start.map(value => value * scale + shift)
  const answer = useAnswer(() => engine.normalise(values), [scale, shift])
  const draw = useCallback((sheet: Sheet) => drawVectors(sheet, values, answer), [answer])
  return (
    <Panel
      title="RMSNorm keeps numbers in hand"
      text={
        <>
          Numbers that pass through many layers would grow or fade. Before each part, LLaMA brings them back to a common
          size: RMSNorm divides a vector by the root of its mean square.
        </>
      }
      more={
        <>
          LayerNorm, which older models use, first takes the mean away. RMSNorm leaves that out: one pass less, and
          models learn as well without it.
        </>
      }
      task="make the vector larger: both norms undo it. Then shift all numbers up: only LayerNorm undoes that."
      source={
        <>
          Zhang and Sennrich 2019, LLaMA section 2.2. Computed by <code>rmsNorm</code> and <code>layerNorm</code> of{' '}
          <code>@cria/tensor</code>.
        </>
      }
    >
      <Chart
        label={`A vector of 8 numbers, and the same after RMSNorm and LayerNorm, scaled by ${scale.toFixed(1)} and shifted by ${shift.toFixed(1)}.`}
        height={360}
        draw={draw}
      />
      <div class="fields">
        <Slider
          label="Multiply all numbers by"
          value={scale}
          min={0.2}
          max={4}
          step={0.1}
          shown={scale.toFixed(1)}
          onInput={setScale}
        />
        <Slider
          label="Add to all numbers"
          value={shift}
          min={-4}
          max={4}
          step={0.1}
          shown={shift.toFixed(1)}
          onInput={setShift}
        />
      </div>
    </Panel>
  )
}

const drawVectors = (
  { Plot, width, colours }: Sheet,
  values: readonly number[],
  answer: { readonly rms: Float32Array; readonly layer: Float32Array } | undefined,
) => {
  const stages = [
    { stage: 'the vector', numbers: values, fill: colours.muted },
    { stage: 'after RMSNorm', numbers: answer?.rms ?? [], fill: colours.accent },
    { stage: 'after LayerNorm', numbers: answer?.layer ?? [], fill: colours.warm },
  ]
  const bars = stages.flatMap(({ stage, numbers, fill }) =>
    Array.from(numbers, (value, index) => ({ stage, index: index + 1, value, fill })),
  )
  return Plot.plot({
    width,
    height: 360,
    marginLeft: 34,
    marginRight: 4,
    fy: { domain: stages.map(({ stage }) => stage), axis: null, padding: 0.15 },
    x: { axis: null, padding: 0.25 },
    y: { domain: [-3, 3], clamp: true, ticks: [-2, 0, 2], tickFormat: 'd', tickSize: 0, label: null },
    marks: [
      Plot.gridY({ stroke: colours.line, strokeOpacity: 1, ticks: [-2, 2] }),
      Plot.barY(bars, { fy: 'stage', x: 'index', y: 'value', fill: 'fill' }),
      Plot.ruleY([0], { stroke: colours.muted }),
      Plot.text(stages, {
        fy: 'stage',
        text: 'stage',
        frameAnchor: 'top-left',
        dx: 4,
        dy: -2,
        fill: colours.ink,
        fontWeight: 650,
        fontSize: 13,
      }),
      ...[1, -1].map(sign =>
        Plot.text(
          bars.filter(({ value }) => (sign > 0 ? value >= 0 : value < 0)),
          {
            fy: 'stage',
            x: 'index',
            y: 'value',
            dy: -9 * sign,
            // No minus before a zero.
            text: ({ value }: { value: number }) => value.toFixed(1).replace('-0.0', '0.0'),
            fill: colours.ink,
          },
        ),
      ),
    ],
  })
}
