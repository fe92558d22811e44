import { useCallback } from 'preact/hooks'
import { type Candidate, engine } from '../../engine'
import { percent, readable } from '../../format'
import { Chart, type Sheet } from '../../ui/chart'
import { Card } from '../../ui/fields'
import { useAnswer } from '../../ui/use-answer'
import { inspection, position } from './state'

/** What the residual stream says before the first layer and after each, and how large it is. */
export const Layers = () => {
  const { value: seen } = inspection
  const at = position.value
  const lens = useAnswer(() => engine.lens(at), [seen, at])
  const drawGuesses = useCallback((sheet: Sheet) => drawLens(sheet, lens ?? []), [lens])
  const drawLengths = useCallback((sheet: Sheet) => drawNorms(sheet, seen?.norms ?? [], at), [seen, at])
  if (!seen) return null
  const token = readable(seen.tokens[at].piece)
  return (
    <div class="two">
      <Card
        title={`How the guess after “${token}” forms`}
        lead="Each token starts as a row of numbers, its embedding, and each layer adds to it. Here that row is read after each step as if it were the last one: the likeliest next tokens, the first on the left."
      >
        <Chart
          label={`Likeliest next token after each step: ${(lens ?? []).map((row, i) => `${stageName(i)} ${readable(row[0].piece)} ${percent(row[0].probability)}`).join(', ')}.`}
          height={40 * seen.norms.length + 30}
          draw={drawGuesses}
          caption="The more colour, the surer."
        />
      </Card>
      <Card
        title="The numbers grow"
        lead="How large the numbers of the row are before the first layer (0) and after each, as the root of their mean square."
      >
        <Chart
          label={`Size of the numbers at the chosen token: ${seen.norms.map((row, i) => `${stageName(i)} ${row[at].toFixed(2)}`).join(', ')}.`}
          height={320}
          draw={drawLengths}
          caption={`The thick line is “${token}”, the thin ones are the other tokens.`}
        />
      </Card>
    </div>
  )
}

const stageName = (index: number): string => (index === 0 ? 'embedding' : `layer ${index}`)

const drawLens = ({ Plot, width, colours }: Sheet, lens: readonly (readonly Candidate[])[]) => {
  const columns = width < 430 ? 3 : 5
  const cells = lens.flatMap((row, index) =>
    row.slice(0, columns).map(({ piece, probability }, rank) => ({
      stage: stageName(index),
      rank,
      text: `${readable(piece)}\n${percent(probability)}`,
      probability,
    })),
  )
  return Plot.plot({
    width,
    height: 40 * lens.length + 8,
    marginLeft: 84,
    marginTop: 2,
    marginBottom: 6,
    x: { axis: null, padding: 0.04 },
    y: { domain: lens.map((_, index) => stageName(index)), label: null, tickSize: 0, padding: 0.06 },
    color: { domain: [0, 1], range: [colours.surface, colours.heat], type: 'sqrt' },
    marks: [
      Plot.cell(cells, { x: 'rank', y: 'stage', fill: 'probability', stroke: colours.line, rx: 4 }),
      Plot.text(cells, {
        x: 'rank',
        y: 'stage',
        text: 'text',
        fontWeight: 600,
        fill: colours.ink,
      }),
    ],
  })
}

const drawNorms = ({ Plot, width, colours }: Sheet, norms: readonly Float32Array[], at: number) => {
  const points = norms.flatMap((row, layer) => Array.from(row, (size, token) => ({ layer, size, token })))
  const own = points.filter(({ token }) => token === at)
  return Plot.plot({
    width,
    height: 320,
    marginLeft: 44,
    marginBottom: 40,
    x: { label: 'after layer →', labelAnchor: 'center', interval: 1, tickFormat: 'd' },
    y: { label: '↑ size', zero: true },
    marks: [
      Plot.gridY({ stroke: colours.line, strokeOpacity: 1 }),
      Plot.lineY(points, {
        x: 'layer',
        y: 'size',
        z: 'token',
        stroke: colours.muted,
        strokeOpacity: Math.max(0.06, 0.5 / Math.sqrt(points.length / norms.length)),
        strokeWidth: 1,
      }),
      Plot.lineY(own, { x: 'layer', y: 'size', stroke: colours.accent, strokeWidth: 3 }),
      Plot.dot(own, { x: 'layer', y: 'size', fill: colours.accent, r: 4 }),
      Plot.ruleY([0], { stroke: colours.muted }),
    ],
  })
}
