import { useCallback, useState } from 'preact/hooks'
import { engine, type SamplingStep } from '../../engine'
import { asText, percent, readable } from '../../format'
import { sampling } from '../../state'
import { Chart, type Sheet } from '../../ui/chart'
import { Card, Segments } from '../../ui/fields'
import { useAnswer } from '../../ui/use-answer'
import { inspection, position } from './state'

const explanations: Readonly<Record<string, string>> = {
  'repetition penalty': 'Tokens that already stand in the text become less likely.',
  temperature: 'Below 1 the likely become likelier; above 1 the unlikely get a chance.',
  'top-k': 'Only a fixed number of the likeliest tokens stay.',
  'top-p': 'Only the likeliest tokens stay that together have the share you set.',
  'min-p': 'Tokens far less likely than the likeliest go.',
}

/** The next-token distribution at the chosen token, before and after each sampling step. */
export const NextToken = () => {
  const { value: seen } = inspection
  const at = position.value
  const settings = sampling.value
  const steps = useAnswer(() => engine.distribution(at, settings), [seen, at, settings]) ?? []
  const [chosen, setChosen] = useState('all')
  const index = steps.findIndex(({ name }) => name === chosen)
  const before = steps[index < 1 ? 0 : index - 1]
  const after = steps[index < 1 ? steps.length - 1 : index]
  const actual = seen?.tokens[at + 1]
  const draw = useCallback((sheet: Sheet) => drawSteps(sheet, before, after, actual?.id), [before, after, actual])
  if (!seen) return null
  const start = seen.tokens
    .slice(0, at + 1)
    .map(({ piece }) => asText(piece))
    .join('')
    .replace(/\s+/g, ' ')
    .trimStart()
  return (
    <Card title="What comes next here?">
      <p>
        After <q class="context">{start.length > 60 ? `… ${start.slice(-60).replace(/^\S*\s/, '')}` : start}</q> the
        model gives every token of its vocabulary a probability. The sampling steps then change it, and one token is
        drawn from what is left.
      </p>
      <Segments
        label="Show what this step does"
        value={index < 1 ? 'all' : chosen}
        options={[
          { value: 'all', name: 'all steps together' },
          ...steps.slice(1).map(({ name }) => ({ value: name, name })),
        ]}
        onChange={setChosen}
      />
      <p class="hint">
        {explanations[chosen] ?? 'From what the model says to what is drawn from.'}
        {after && ` ${after.left.toLocaleString('en')} tokens can be drawn.`}
      </p>
      <Chart
        label={
          after
            ? `The likeliest next tokens: ${after.candidates
                .slice(0, 5)
                .map(({ piece, probability }) => `${readable(piece)} ${percent(probability)}`)
                .join(', ')}.`
            : 'The probabilities are being computed.'
        }
        height={380}
        draw={draw}
        caption="Grey: before. Coloured: after. A struck-out token can no longer be drawn; ◂ marks the next token in the text."
      />
    </Card>
  )
}

const drawSteps = (
  { Plot, width, colours }: Sheet,
  before: SamplingStep | undefined,
  after: SamplingStep | undefined,
  actual: number | undefined,
) => {
  const rows = (after?.candidates ?? []).map(({ id, piece, probability }, rank) => ({
    rank,
    name: readable(piece),
    before: before?.candidates.find(candidate => candidate.id === id)?.probability ?? 0,
    after: probability,
    next: id === actual,
  }))
  const most = Math.max(0.05, ...rows.map(({ before, after }) => Math.max(before, after)))
  return Plot.plot({
    width,
    height: 380,
    marginLeft: 96,
    marginRight: 78,
    marginTop: 4,
    marginBottom: 34,
    x: {
      domain: [0, most],
      label: 'probability →',
      labelAnchor: 'center',
      tickFormat: '.0%',
      ticks: width < 500 ? 3 : 6,
    },
    y: { domain: rows.map(({ rank }) => rank), label: null, axis: null, padding: 0.22 },
    marks: [
      Plot.gridX({ stroke: colours.line, strokeOpacity: 1, ticks: width < 500 ? 3 : 6 }),
      Plot.barX(rows, { y: 'rank', x: 'before', fill: colours.muted, fillOpacity: 0.35 }),
      Plot.barX(rows, { y: 'rank', x: 'after', fill: colours.accent, insetTop: 5, insetBottom: 5 }),
      Plot.ruleX([0], { stroke: colours.muted }),
      ...[false, true].map(struck =>
        Plot.text(
          rows.filter(({ after }) => (after === 0) === struck),
          {
            y: 'rank',
            x: () => 0,
            dx: -8,
            textAnchor: 'end',
            text: 'name',
            fill: struck ? colours.muted : colours.ink,
            fontSize: 14,
            fontWeight: 600,
            ...(struck && { className: 'struck' }),
          },
        ),
      ),
      Plot.text(rows, {
        y: 'rank',
        x: row => Math.max(row.before, row.after),
        dx: 6,
        textAnchor: 'start',
        text: row => `${percent(row.after)}${row.next ? ' ◂' : ''}`,
        fill: row => (row.next ? colours.warm : colours.ink),
      }),
    ],
  })
}
