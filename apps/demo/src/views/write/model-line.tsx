import { cancelLoad } from '../../actions'
import { bytes, count } from '../../format'
import { linkTo } from '../../route'
import { loading, model } from '../../state'

const onProcessor: ReadonlySet<string> = new Set(['simd', 'webasm', 'cpu'])

/** Which model writes, how far its loading is, or how to get one. */
export const ModelLine = () => {
  const { value: facts } = model
  const { value: progress } = loading
  if (progress)
    return (
      <div class="model-line">
        <label>
          Loading the model: {bytes(progress.loaded)} of {progress.total > 0 ? bytes(progress.total) : '…'}
          <progress value={progress.loaded} max={progress.total || 1} />
        </label>
        <button type="button" class="quiet" onClick={cancelLoad}>
          Cancel
        </button>
      </div>
    )
  if (!facts)
    return (
      <div class="model-line">
        <p>
          No model is open. <a href={linkTo('model')}>Open one from your disk or by its name</a>, or see{' '}
          <a href={linkTo('understand')}>how a LLaMA works</a>, which needs none.
        </p>
      </div>
    )
  return (
    <p class="model-line">
      <span>
        <strong>{facts.name}</strong>, {count(facts.parameters)} parameters, on <strong>{facts.device}</strong>
        {onProcessor.has(facts.device) && ' (your processor)'}
      </span>
      <a href={linkTo('model')}>Take another model</a>
    </p>
  )
}
