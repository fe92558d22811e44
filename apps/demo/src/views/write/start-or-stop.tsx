import { stop, writing } from '../../actions'

/** The button that submits a form, and stops what that started. */
export const StartOrStop = ({ name, disabled }: { readonly name: string; readonly disabled: boolean }) =>
  // Keys: one button that turned from Stop into a start while it is clicked would submit the form.
  writing.value ? (
    <button key="stop" type="button" class="stop" onClick={stop}>
      Stop
    </button>
  ) : (
    <button key="start" type="submit" disabled={disabled}>
      {name}
    </button>
  )
