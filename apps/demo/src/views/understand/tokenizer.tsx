import { useEffect, useState } from 'preact/hooks'
import { engine } from '../../engine'
import { readable } from '../../format'
import { Slider } from '../../ui/fields'
import { useAnswer } from '../../ui/use-answer'
import { Panel } from './panel'

export const TokenizerPanel = () => {
  const [text, setText] = useState('little llama')
  const [step, setStep] = useState(0)
  const answer = useAnswer(() => engine.merges(text), [text])
  const steps = answer?.steps ?? []
  const last = Math.max(steps.length - 1, 0)
  useEffect(() => setStep(0), [text])
  const at = Math.min(step, last)
  const shown = steps[at]
  return (
    <Panel
      title="Text becomes tokens"
      text={
        <>
          A model reads numbers, not letters. The tokenizer starts from single characters and joins two neighbours again
          and again: always the pair that it learned first, because that pair was the most frequent in its training
          text. Frequent words end as one token, rare ones stay in parts.
        </>
      }
      more={<>A space belongs to the word that follows; it is shown as a dot (·).</>}
      task="type a word or two, and go through the merges one by one."
      source={
        <>
          Byte-pair encoding (Sennrich et al. 2016) as in SentencePiece, LLaMA section 2.1. By{' '}
          <code>@cria/tokenizer</code>
          {answer &&
            (answer.learnedHere
              ? `, with a vocabulary of ${answer.vocabulary} pieces that it learned in this tab`
              : `, with the ${answer.vocabulary.toLocaleString('en')} pieces of the open model`)}
          .
        </>
      }
    >
      <div class="field">
        <label for="word">Your text</label>
        <input
          id="word"
          type="text"
          maxLength={40}
          value={text}
          onInput={event => setText(event.currentTarget.value)}
        />
      </div>
      <div class="picture">
        <p class="pieces">
          <span class="only-read">{`Pieces after ${at} of ${last} merges:`}</span>
          {shown?.pieces.map((piece, index) => (
            <span
              key={index}
              class={shown.merge === index ? 'piece left' : shown.merge === index - 1 ? 'piece right' : 'piece'}
            >
              {readable(piece)}
              {shown.merge === undefined && <small>{answer?.ids[index]}</small>}
            </span>
          ))}
        </p>
        <p class="merge-note" role="status">
          {shown &&
            (shown.merge === undefined
              ? finished(answer?.ids ?? [])
              : nextMerge(shown.pieces, shown.merge, shown.rank))}
        </p>
        <Slider
          label="Merge"
          value={at}
          min={0}
          max={last}
          disabled={last === 0}
          shown={`${at} of ${last}`}
          onInput={setStep}
        />
        <div class="buttons">
          <button type="button" class="quiet" disabled={at === 0} onClick={() => setStep(at - 1)}>
            Back
          </button>
          <button type="button" disabled={at === last} onClick={() => setStep(at + 1)}>
            Next merge
          </button>
          <button type="button" class="quiet" disabled={at === last} onClick={() => setStep(last)}>
            To the end
          </button>
        </div>
      </div>
    </Panel>
  )
}

const nextMerge = (pieces: readonly string[], at: number, rank: number | undefined) =>
  `Next: join “${readable(pieces[at])}” and “${readable(pieces[at + 1])}”, merge number ${rank} of those it learned.`

const finished = (ids: readonly number[]) =>
  ids.length === 0
    ? 'Type something to see its pieces.'
    : `No pair is left to join: ${ids.length === 1 ? 'one token' : `${ids.length} tokens`}. The model reads their numbers.`
