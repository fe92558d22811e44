import { useSignal } from '@preact/signals'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { engine, type TrainingEvent } from '../../engine'
import { count } from '../../format'
import { explain, isAbort } from '../../problems'
import { problem } from '../../state'
import { story } from '../../story'
import { Chart, type Sheet } from '../../ui/chart'
import { Segments, Slider } from '../../ui/fields'
import { Panel } from './panel'

/** Milliseconds between two drawings of the curve. */
const drawEvery = 400

type Step = Extract<TrainingEvent, { kind: 'step' }>
type Sample = Extract<TrainingEvent, { kind: 'sample' }>
type Start = Extract<TrainingEvent, { kind: 'start' }>

export const TrainingPanel = () => {
  const [text, setText] = useState(story)
  const [steps, setSteps] = useState(200)
  const [dim, setDim] = useState(32)
  const [layers, setLayers] = useState(2)
  const run = useTraining()
  return (
    <Panel
      title="A model learns to write"
      text="Training shows the model a piece of text and asks for each next token. The loss says how surprised it was by the right answer; each number of the model is then moved a little, so that it would be less surprised. At first all tokens are equally likely."
      more="This is the papers' recipe at a tiny size: the AdamW optimiser, a learning rate that warms up and then falls along a cosine, and gradients cut to a norm of 1. A model this small learns your text by heart rather than the language."
      task="press Train, watch the loss fall, and read how the samples turn from noise into words."
      source={
        <>
          LLaMA section 2.3 and 2.4. By <code>train</code> of <code>@cria/training</code>, in a worker of this tab.
        </>
      }
    >
      <div class="field">
        <label for="training-text">Text to learn</label>
        <textarea
          id="training-text"
          rows={4}
          value={text}
          disabled={run.busy}
          onInput={event => setText(event.currentTarget.value)}
        />
      </div>
      <div class="fields">
        <Slider label="Steps" value={steps} min={50} max={600} step={50} disabled={run.busy} onInput={setSteps} />
        <Segments
          label="Width"
          value={dim}
          options={[32, 64].map(value => ({ value, name: String(value), disabled: run.busy }))}
          onChange={setDim}
        />
        <Segments
          label="Layers"
          value={layers}
          options={[1, 2, 4].map(value => ({ value, name: String(value), disabled: run.busy }))}
          onChange={setLayers}
        />
      </div>
      <div class="buttons">
        {run.busy ? (
          <button type="button" class="stop" onClick={run.stop}>
            Stop
          </button>
        ) : (
          <button type="button" disabled={text.trim() === ''} onClick={() => run.start(text, steps, dim, layers)}>
            Train
          </button>
        )}
        <span class="hint" role="status">
          {run.busy ? 'training' : run.steps.length > 0 ? `done, ${run.steps.length} steps` : ''}
        </span>
      </div>
      <Curve start={run.begun} steps={run.steps} total={steps} />
      <Samples samples={run.samples} />
    </Panel>
  )
}

/** One run of training at a time, and what it has told so far. */
const useTraining = () => {
  const begun = useSignal<Start | undefined>(undefined)
  const steps = useSignal<readonly Step[]>([])
  const samples = useSignal<readonly Sample[]>([])
  const busy = useSignal(false)
  const stopping = useRef(new AbortController())
  // Whoever leaves the panel ends the training.
  useEffect(() => () => stopping.current.abort(), [])
  const start = async (text: string, total: number, dim: number, layers: number) => {
    const stop = new AbortController()
    stopping.current = stop
    begun.value = undefined
    steps.value = []
    samples.value = []
    busy.value = true
    let done: Step[] = []
    let shownAt = 0
    const show = () => {
      steps.value = [...steps.value, ...done]
      done = []
      shownAt = performance.now()
    }
    try {
      const options = { text, steps: total, layers, dim, learningRate: 0.01, seed: 1 }
      for await (const event of engine.train(options, stop.signal)) {
        if (event.kind === 'start') begun.value = event
        else if (event.kind === 'sample') samples.value = [...samples.value, event]
        else {
          done.push(event)
          // The curve is drawn a few times a second, however fast the steps are.
          if (performance.now() - shownAt > drawEvery) show()
        }
      }
    } catch (error) {
      if (!isAbort(error)) problem.value = explain(error)
    } finally {
      if (stopping.current === stop) {
        show()
        busy.value = false
      }
    }
  }
  return {
    begun: begun.value,
    steps: steps.value,
    samples: samples.value,
    busy: busy.value,
    start: (text: string, total: number, dim: number, layers: number) => void start(text, total, dim, layers),
    stop: () => stopping.current.abort(),
  }
}

const Curve = ({ start, steps, total }: { start: Start | undefined; steps: readonly Step[]; total: number }) => {
  const draw = useCallback((sheet: Sheet) => drawCurve(sheet, start, steps, total), [start, steps, total])
  const last = steps.at(-1)
  return (
    <div class="picture">
      <h3>Loss</h3>
      <Chart
        label={
          last
            ? `The loss fell from ${steps[0].loss.toFixed(2)} to ${last.loss.toFixed(2)} in ${last.step} steps.`
            : 'The loss curve is drawn here while the model trains.'
        }
        height={240}
        draw={draw}
      />
      {start && last && (
        <p class="figures">
          <span>
            <strong>{count(start.parameters)}</strong> parameters
          </span>
          <span>
            <strong>{start.tokens.toLocaleString('en')}</strong> tokens of text
          </span>
          <span>
            loss <strong>{last.loss.toFixed(2)}</strong>
          </span>
          <span>
            <strong>{Math.round(last.tokensPerSecond).toLocaleString('en')}</strong> tokens a second
          </span>
        </p>
      )}
    </div>
  )
}

const drawCurve = (
  { Plot, width, colours }: Sheet,
  start: Start | undefined,
  steps: readonly Step[],
  total: number,
) => {
  const guess = start ? Math.log(start.vocabulary) : 6.2
  return Plot.plot({
    width,
    height: 240,
    marginLeft: 36,
    marginBottom: 40,
    x: { label: 'step →', labelAnchor: 'center', domain: [0, total] },
    y: { label: '↑ loss (nats a token)', domain: [0, guess + 0.4] },
    marks: [
      Plot.gridY({ stroke: colours.line, strokeOpacity: 1 }),
      Plot.ruleY([guess], { stroke: colours.muted, strokeDasharray: '4 3' }),
      Plot.text(['a blind guess'], {
        x: () => total,
        y: () => guess,
        dy: -8,
        textAnchor: 'end',
        fill: colours.muted,
      }),
      Plot.lineY(steps, { x: 'step', y: 'loss', stroke: colours.warm, strokeWidth: 2.5 }),
      Plot.ruleY([0], { stroke: colours.muted }),
    ],
  })
}

const Samples = ({ samples }: { samples: readonly Sample[] }) => (
  <div class="picture">
    <h3>What it writes, the newest first</h3>
    {samples.length === 0 && <p class="hint">Samples appear here every 25 steps.</p>}
    <ol class="samples" tabIndex={samples.length > 0 ? 0 : -1} aria-label="Samples">
      {[...samples].reverse().map(({ step, text }) => (
        <li key={step}>
          <small>{step === 0 ? 'before training' : `after ${step} steps`}</small>
          <p class="story">{text === '' ? '(nothing)' : text}</p>
        </li>
      ))}
    </ol>
  </div>
)
