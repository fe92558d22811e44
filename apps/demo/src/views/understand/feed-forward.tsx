import { useCallback, useState } from 'preact/hooks'
import { type Activations, engine } from '../../engine'
import { Chart, type Sheet } from '../../ui/chart'
import { Slider } from '../../ui/fields'
import { useAnswer } from '../../ui/use-answer'
import { Panel } from './panel'

export const FeedForwardPanel = () => {
  const [up, setUp] = useState(-1)
  const answer = useAnswer(() => engine.activations(-4, 4, 161, up), [up])
  const draw = useCallback((sheet: Sheet) => drawCurves(sheet, answer), [answer])
  return (
    <Panel
      title="SwiGLU is a gate that the model turns"
      text={
        <>
          After attention, each token passes a feed-forward network alone. Its hidden units need a bend, or all layers
          together would be no more than one. ReLU cuts below zero; GELU does so softly.
        </>
      }
      more={
        <>
          LLaMA computes two numbers for each hidden unit instead. One, through the smooth curve SiLU, is a gate; the
          other is what the gate lets through, so the unit can be open, shut, or turned around. As that takes a third
          matrix, the network is made two thirds as wide: the parameters stay the same.
        </>
      }
      task="change the second number. ReLU and GELU have none: their curves stay as they are."
      source={
        <>
          Shazeer 2020, LLaMA section 2.2. Computed by <code>relu</code>, <code>gelu</code> and <code>siluMul</code> of{' '}
          <code>@cria/tensor</code>.
        </>
      }
    >
      <Chart
        label={`Curves of ReLU, GELU and SwiGLU for inputs from -4 to 4, where the second number of SwiGLU is ${up.toFixed(1)}.`}
        height={330}
        draw={draw}
      />
      <div class="fields">
        <Slider
          label="The second number, what the gate lets through"
          value={up}
          min={-2}
          max={2}
          step={0.1}
          shown={up.toFixed(1)}
          onInput={setUp}
        />
      </div>
    </Panel>
  )
}

const drawCurves = ({ Plot, width, colours }: Sheet, answer: Activations | undefined) => {
  const names = ['ReLU', 'GELU', 'SwiGLU'] as const
  const colour = { ReLU: colours.muted, GELU: colours.accent, SwiGLU: colours.warm }
  const curves = answer
    ? names.flatMap(name => {
        const values = { ReLU: answer.relu, GELU: answer.gelu, SwiGLU: answer.swiglu }[name]
        return Array.from(answer.x, (x, i) => ({ name, x, y: values[i] }))
      })
    : []
  return Plot.plot({
    width,
    height: 330,
    marginLeft: 36,
    marginBottom: 40,
    x: { label: 'first number of the hidden unit →', labelAnchor: 'center', domain: [-4, 4] },
    y: { label: '↑ what it gives', domain: [-4, 6] },
    color: { domain: [...names], range: names.map(name => colour[name]), legend: true },
    marks: [
      Plot.gridY({ stroke: colours.line, strokeOpacity: 1 }),
      Plot.ruleY([0], { stroke: colours.muted }),
      Plot.ruleX([0], { stroke: colours.line }),
      Plot.lineY(curves, { x: 'x', y: 'y', stroke: 'name', strokeWidth: 2.5, clip: true }),
      Plot.tip(
        curves,
        Plot.pointer({
          x: 'x',
          y: 'y',
          title: curve => `${curve.name}(${curve.x.toFixed(1)}) = ${curve.y.toFixed(2)}`,
        }),
      ),
    ],
  })
}
