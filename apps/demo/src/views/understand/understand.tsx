import './understand.css'
import type { ComponentType } from 'preact'
import { linkTo, panel } from '../../route'
import { FeedForwardPanel } from './feed-forward'
import { HeadsPanel } from './heads'
import { MixturePanel } from './mixture'
import { NormPanel } from './norm'
import { RotaryPanel } from './rotary'
import { TokenizerPanel } from './tokenizer'
import { TrainingPanel } from './training'

interface Part {
  readonly id: string
  readonly name: string
  readonly in: string
  readonly Show: ComponentType
}

/** In the order in which a text meets them. */
const parts: readonly Part[] = [
  { id: 'tokenizer', name: 'Tokens', in: 'how text becomes numbers', Show: TokenizerPanel },
  { id: 'rotary', name: 'Positions', in: 'rotary embeddings', Show: RotaryPanel },
  { id: 'heads', name: 'Attention heads', in: 'MHA, GQA, MQA and their memory', Show: HeadsPanel },
  { id: 'feed-forward', name: 'Feed-forward', in: 'SwiGLU beside ReLU and GELU', Show: FeedForwardPanel },
  { id: 'norm', name: 'Normalising', in: 'RMSNorm beside LayerNorm', Show: NormPanel },
  { id: 'mixture', name: 'Training data', in: 'the mixture and its epochs', Show: MixturePanel },
  { id: 'training', name: 'Training', in: 'a tiny model learns your text', Show: TrainingPanel },
]

export const Understand = () => {
  const at = Math.max(
    parts.findIndex(({ id }) => id === panel.value),
    0,
  )
  const { Show } = parts[at]
  return (
    <>
      <div class="view-head">
        <h1>How a LLaMA works, part by part</h1>
        <p>
          A LLaMA reads a text and predicts its next token. Each part has a picture that you can change, computed in
          this tab by the code that runs the model.
        </p>
      </div>
      <div class="understand">
        <nav aria-label="Parts">
          <ol>
            {parts.map(({ id, name, in: what }, index) => (
              <li key={id}>
                <a href={linkTo('understand', id)} aria-current={index === at ? 'page' : undefined}>
                  <strong>{name}</strong>
                  <small>{what}</small>
                </a>
              </li>
            ))}
          </ol>
        </nav>
        <div class="part">
          <Show key={parts[at].id} />
          <p class="steps">
            {at > 0 && <a href={linkTo('understand', parts[at - 1].id)}>← {parts[at - 1].name}</a>}
            {at + 1 < parts.length && <a href={linkTo('understand', parts[at + 1].id)}>{parts[at + 1].name} →</a>}
          </p>
        </div>
      </div>
    </>
  )
}
