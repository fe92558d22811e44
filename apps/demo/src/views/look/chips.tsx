import { useEffect, useRef } from 'preact/hooks'
import { percent, readable } from '../../format'
import { weights } from './attention-state'
import { inspection, position, shownPart } from './state'

const steps: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 }

/** The tokens of the text. One can be chosen: with the arrow keys, as in a list. */
export const Chips = () => {
  const list = useRef<HTMLFieldSetElement>(null)
  const { value: seen } = inspection
  const chosen = position.value
  useEffect(() => {
    const box = list.current
    const chip = box?.querySelectorAll('button')[chosen]
    // Within the box alone: the page stays where the reader left it.
    if (box && chip) box.scrollTop = chip.offsetTop - (box.clientHeight - chip.offsetHeight) / 2
  }, [chosen, seen])
  if (!seen) return null
  const { tokens } = seen
  const looks = weights.value?.subarray(chosen * tokens.length, (chosen + 1) * tokens.length)
  const surprise = shownPart.value === 'next' ? seen.expected.map(probability => 1 - probability) : undefined
  const shade = (at: number) => (looks ? Math.sqrt(looks[at]) : surprise?.[at])
  const move = (event: KeyboardEvent) => {
    const last = tokens.length - 1
    const to =
      event.key === 'Home' ? 0 : event.key === 'End' ? last : event.key in steps ? chosen + steps[event.key] : undefined
    if (to === undefined) return
    event.preventDefault()
    position.value = Math.min(Math.max(to, 0), last)
    list.current?.querySelectorAll('button')[position.value]?.focus()
  }
  return (
    <div>
      <p class="hint" id="chips-hint">
        {seen.cut ? `The first ${tokens.length}` : tokens.length} tokens, each with its number in the vocabulary; · is a
        space. Choose one by a click or with the arrow keys.
        {looks && ' The more coloured a token, the more the chosen one looks at it.'}
        {surprise && ' The more coloured a token, the less the model expected it.'}
      </p>
      <fieldset class="bare tokens" ref={list} aria-describedby="chips-hint" onKeyDown={move}>
        <legend class="only-read">Tokens</legend>
        {tokens.map(({ id, piece }, at) => (
          <button
            key={at}
            type="button"
            class="token"
            tabIndex={at === chosen ? 0 : -1}
            aria-pressed={at === chosen}
            style={{ '--weight': `${Math.round((shade(at) ?? 0) * 100)}%` }}
            onClick={() => {
              position.value = at
            }}
          >
            <span>{readable(piece)}</span>
            <small>{id}</small>
            <span class="only-read">
              {looks && `, attention ${percent(looks[at])}`}
              {surprise && at > 0 && `, expected with ${percent(seen.expected[at])}`}
            </span>
          </button>
        ))}
      </fieldset>
    </div>
  )
}
