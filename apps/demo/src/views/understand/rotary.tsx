import { useCallback, useEffect, useState } from 'preact/hooks'
import { engine } from '../../engine'
import { Chart, type Sheet } from '../../ui/chart'
import { Segments, Slider } from '../../ui/fields'
import { useAnswer } from '../../ui/use-answer'
import { Panel } from './panel'

/** Pairs of a head of 16 numbers: few enough to see each. */
const headDim = 16
const lastPosition = 64
const distances = 128

export const RotaryPanel = () => (
  <Panel
    title="Positions are rotations"
    text={
      <>
        Attention compares a query with keys, and by itself knows nothing of order. LLaMA therefore takes the numbers of
        each query and key in pairs, and turns each pair by an angle that grows with the position of its token. The
        first pair turns fast, like the second hand of a clock, the last one slowly.
      </>
    }
    more={
      <>
        When a query meets a key, only the difference of their angles counts. So their score depends on how far apart
        the two tokens are, not on where they stand, and it tends to get smaller with distance.
      </>
    }
    task="move the token to another position, then compare the scores of two starting points: the lines lie on each other."
    source={
      <>
        RoFormer (Su et al. 2021), LLaMA section 2.2. Computed by <code>RotaryEmbedding</code> of{' '}
        <code>@cria/layers</code>.
      </>
    }
  >
    <Clocks />
    <Scores />
  </Panel>
)

const Clocks = () => {
  const [position, setPosition] = useState(5)
  const [playing, setPlaying] = useState(false)
  const turned = useAnswer(() => engine.rotate(headDim, 10000, lastPosition + 1), [])
  useEffect(() => {
    if (!playing) return
    const timer = setInterval(() => setPosition(at => (at + 1) % (lastPosition + 1)), 250)
    return () => clearInterval(timer)
  }, [playing])
  const draw = useCallback(
    (sheet: Sheet) => drawClocks(sheet, turned?.subarray(position * headDim, (position + 1) * headDim)),
    [turned, position],
  )
  return (
    <div class="picture">
      <h3>Eight pairs of one query, as arrows</h3>
      <Chart
        label={`Eight arrows, one for each pair of numbers, at position ${position}. The first has turned ${position} radians, each next one less.`}
        height={110}
        draw={draw}
        caption="A faint arrow shows position 0. From left to right each pair turns 3.2 times slower."
      />
      <div class="fields">
        <Slider
          label="Position of the token"
          value={position}
          min={0}
          max={lastPosition}
          onInput={at => {
            setPlaying(false)
            setPosition(at)
          }}
        />
        <div class="buttons">
          <button type="button" class="quiet" onClick={() => setPlaying(!playing)}>
            {playing ? 'Pause' : 'Let it run'}
          </button>
        </div>
      </div>
    </div>
  )
}

const drawClocks = ({ Plot, width, colours }: Sheet, pairs: Float32Array | undefined) => {
  const columns = width < 480 ? 4 : 8
  const clocks = Array.from({ length: headDim / 2 }, (_, pair) => ({
    column: pair % columns,
    row: Math.floor(pair / columns),
    name: `pair ${pair + 1}`,
    x: pairs?.[2 * pair] ?? 1,
    y: pairs?.[2 * pair + 1] ?? 0,
  }))
  const circle = Array.from({ length: 61 }, (_, i) => (i * Math.PI) / 30)
  const rim = clocks.flatMap(({ column, row, name }) =>
    circle.map(angle => ({ column, row, name, x: Math.cos(angle), y: Math.sin(angle) })),
  )
  const facet = { fx: 'column', fy: 'row' } as const
  return Plot.plot({
    width,
    aspectRatio: 1,
    margin: 2,
    marginTop: 18,
    x: { domain: [-1.15, 1.15], axis: null },
    y: { domain: [-1.15, 1.15], axis: null },
    fx: { axis: null, padding: 0.08 },
    fy: { axis: null, padding: 0.3 },
    marks: [
      Plot.line(rim, { ...facet, x: 'x', y: 'y', z: 'name', stroke: colours.line, strokeWidth: 1.5 }),
      Plot.arrow(clocks, {
        ...facet,
        x1: () => 0,
        y1: () => 0,
        x2: () => 0.98,
        y2: () => 0,
        stroke: colours.muted,
        strokeOpacity: 0.35,
        headLength: 5,
      }),
      Plot.arrow(clocks, {
        ...facet,
        x1: () => 0,
        y1: () => 0,
        x2: 'x',
        y2: 'y',
        stroke: colours.accent,
        strokeWidth: 2.5,
        headLength: 7,
      }),
      Plot.text(clocks, { ...facet, frameAnchor: 'top', dy: -14, text: 'name', fill: colours.muted }),
    ],
  })
}

const Scores = () => {
  const [start, setStart] = useState(40)
  const [theta, setTheta] = useState(10000)
  const [dims, setDims] = useState(64)
  const answer = useAnswer(() => engine.rotaryScores(dims, theta, distances, [0, start]), [dims, theta, start])
  const draw = useCallback((sheet: Sheet) => drawScores(sheet, answer?.scores ?? [], [0, start]), [answer, start])
  return (
    <div class="picture">
      <h3>Score of two equal vectors, by their distance</h3>
      <Chart
        label={`Two lines that lie on each other: the score starts at 1 for distance 0 and falls with distance, whether the key stands at position 0 or ${start}.`}
        height={260}
        draw={draw}
        caption="The line is for a key at position 0, the dots for a key further on in the text."
      />
      <div class="fields">
        <Slider label="Position of the second key" value={start} min={0} max={100} onInput={setStart} />
        <Segments
          label="Numbers in a head"
          value={dims}
          options={[8, 16, 64, 128].map(value => ({ value, name: String(value) }))}
          onChange={setDims}
        />
        <Segments
          label="Base of the angles (LLaMA: 10,000)"
          value={theta}
          options={[
            { value: 100, name: '100' },
            { value: 10000, name: '10,000' },
            { value: 1000000, name: '1,000,000' },
          ]}
          onChange={setTheta}
        />
      </div>
    </div>
  )
}

const drawScores = ({ Plot, width, colours }: Sheet, scores: readonly Float32Array[], starts: readonly number[]) => {
  const [first, second] = scores.map((line, index) =>
    Array.from(line, (score, distance) => ({ distance, score, key: `key at position ${starts[index]}` })),
  )
  return Plot.plot({
    width,
    height: 260,
    marginLeft: 44,
    marginBottom: 40,
    x: { label: 'distance in tokens →', labelAnchor: 'center' },
    y: { label: '↑ score', domain: [-0.4, 1.05], ticks: 5 },
    marks: [
      Plot.gridY({ stroke: colours.line, strokeOpacity: 1, ticks: 5 }),
      Plot.ruleY([0], { stroke: colours.muted }),
      Plot.lineY(first ?? [], { x: 'distance', y: 'score', stroke: colours.accent, strokeWidth: 2.5 }),
      Plot.dot(
        (second ?? []).filter(({ distance }) => distance % 3 === 0),
        {
          x: 'distance',
          y: 'score',
          fill: colours.warm,
          r: 3,
        },
      ),
      Plot.tip(first ?? [], Plot.pointerX({ x: 'distance', y: 'score', format: { y: '.3f' } })),
    ],
  })
}
